import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeEvent, eventId, formatSequence } from '@recant/events';
import { encodeFrame, genesisBody, originOf } from '@recant/ledger';
import { Frontier, formatCheckpoint, leafHash } from '@recant/transparency';
import {
  type BundleLogSource,
  createEventCheck,
  encodeRecord,
  entryRecord,
  MAGIC,
  type Scratch,
  verifyBundle,
  writeBundle,
} from '../src/index.ts';
import { bundleSource, each, LEDGER, MADE, MadeLog, makeBundle, TENANT, testSigner } from './make-ledger.ts';

/**
 * Writes a bundle of so many megabytes and verifies it while it is written, so that nothing of it is ever kept; then hostile ones that never end.
 * Run with a small --max-old-space-size. Prints the peak of this process's memory, in MB.
 */
const megabytes = Number(process.argv[2] ?? 200);
const ENTRY_BYTES = 330;
const entries = Math.ceil((megabytes * 1_000_000) / ENTRY_BYTES);

function bigLog(size: number): BundleLogSource {
  const signer = testSigner();
  const tree = Frontier.empty();
  const origin = originOf(LEDGER, { tenant: TENANT, shard: 0 }, 1);
  const frameOf = (n: number): Buffer => {
    const head = { tenant: TENANT, keyId: 'key1', receivedAtMs: 1_700_000_000_000 + n };
    if (n === 0) return encodeFrame({ ...head, kind: 'genesis', body: genesisBody({ epoch: 1, shard: 0, shards: 1, tenant: TENANT }) });
    // A new source every ten events: the state per source must not grow either.
    const source = `recant://acme/${'x'.repeat(60)}/${Math.floor((n - 1) / 10)}`;
    const sequence = ((n - 1) % 10) + 1;
    const data = { nothingOlderThan: MADE };
    const base = { specversion: '1.0', source, agent: 'agent-1', time: MADE, sequence: formatSequence(sequence) } as const;
    return encodeFrame({
      ...head,
      kind: 'event',
      body: encodeEvent({ ...base, id: eventId.heartbeat(sequence), type: 'recant.source.heartbeat.v1', data }),
    });
  };
  return {
    ...{ shard: 0, shards: 1, epoch: 1, origin, from: 0n, size: BigInt(size), start: Buffer.alloc(0) },
    async *entries() {
      for (let n = 0; n < size; n += 1) {
        const frame = frameOf(n);
        tree.append([leafHash(frame)]);
        yield { index: BigInt(n), frame };
      }
    },
    async *checkpoints() {
      const last = { size: BigInt(size) };
      yield Object.defineProperty(last, 'note', {
        get: () => signer.note(formatCheckpoint({ origin, size: BigInt(size), root: tree.root() })),
      }) as { size: bigint; note: Uint8Array };
    },
    deadLetters: () => each([]),
  };
}

async function* measured(pieces: AsyncIterable<Buffer>, seen: { bytes: number }): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    seen.bytes += piece.length;
    yield piece;
  }
}

/** An endless file: a verifier that reads on after the first broken rule never returns. */
async function* endless(start: Uint8Array, again: Uint8Array): AsyncGenerator<Buffer> {
  yield Buffer.from(start);
  for (;;) yield Buffer.from(again);
}

async function ruleOf(pieces: AsyncIterable<Buffer>, scratch: Scratch): Promise<string> {
  const verdict = await verifyBundle(pieces, { events: createEventCheck(scratch) });
  return verdict.sound ? 'sound' : verdict.rule;
}

const folder = await mkdtemp(join(tmpdir(), 'recant-memory-'));
const files = new Map<number, Awaited<ReturnType<typeof open>>>();
const scratch: Scratch = {
  async append(partition, bytes) {
    const file = files.get(partition) ?? (await open(join(folder, String(partition)), 'a+'));
    files.set(partition, file);
    await file.appendFile(bytes);
  },
  read: async (partition) => (await files.get(partition)?.readFile()) ?? Buffer.alloc(0),
};
try {
  const seen = { bytes: 0 };
  const verdict = await verifyBundle(measured(writeBundle(bundleSource([bigLog(entries)]), testSigner()), seen), {
    events: createEventCheck(scratch),
  });
  if (!verdict.sound || Object.keys(verdict.warningCounts).length > 0)
    throw new Error(`not sound: ${JSON.stringify(verdict, (_, v) => String(v))}`);
  const log = new MadeLog(0, 1);
  log.letter(Buffer.from('x'));
  log.sign();
  const small = await makeBundle([log.source()]);
  const inLetter = small.subarray(0, small.indexOf(log.letters[0]?.bytes as Buffer, small.indexOf('kafka:')) + 1);
  const zeros = Buffer.alloc(1_000_000);
  const hostile = {
    lengths: await ruleOf(endless(Buffer.concat([MAGIC, Buffer.from([0x4d, 0xff, 0xff, 0xff, 0xff])]), zeros), scratch),
    deep: await ruleOf(endless(Buffer.concat([MAGIC, encodeRecord('M', Buffer.alloc(1_048_576, '['))]), zeros), scratch),
    records: await ruleOf(endless(MAGIC, entryRecord(0n, zeros.subarray(0, 1_000))), scratch),
    letters: await ruleOf(endless(inLetter, encodeRecord('D', Buffer.concat([Buffer.from('0000000000000001', 'hex'), zeros]))), scratch),
    nothing: await ruleOf(endless(zeros, zeros), scratch),
  };
  // `resourceUsage` has the peak of the process that started this one, too.
  const status = await readFile('/proc/self/status', 'utf8');
  const peakMb = Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_000);
  process.stdout.write(`${JSON.stringify({ entries, bundleMb: Math.round(seen.bytes / 1_000_000), peakMb, hostile })}\n`);
} finally {
  for (const file of files.values()) await file.close();
  await rm(folder, { recursive: true, force: true });
}
