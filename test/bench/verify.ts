import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { encodeFrame, genesisBody, originOf, type Signer } from '@recant/ledger';
import { ed25519Signer, encodeNote, Frontier, formatCheckpoint, formatVerifierKey, leafHash, signNote } from '@recant/transparency';
import { type BundleLogSource, createEventCheck, type EventCheck, verifyBundle, writeBundle } from '@recant/verifier';
import { threadedEventCheck } from '../../services/recant/src/evidence/event-thread.ts';
import { scratchFile } from '../../services/recant/src/evidence/scratch-file.ts';
import { against, describeMachine, type Figure, type Results, round } from './figures.ts';
import { profileSteps } from './steps.ts';
import { createWorkload } from './workload.ts';

const LEDGER = 'recant.local/bench';
const TENANT = 'bench';
const SEED = 20_261_123;
/** As a share of a bare loop over the same file in the same run. */
const FLOOR = 0.4;
const ENTRIES_MIN = 300_000;
/** The ledger signs at most once a second: at 5,000 events a second. */
const ENTRIES_PER_CHECKPOINT = 5_000;
const READ_BYTES = 1_048_576;
/** Rounds of each, alternating; the best of each counts, so that other load on the machine affects neither. */
const ROUNDS = 3;

/** Entries per second of `recant verify FILE`, compared with a loop that reads the same file, hashes each entry and appends it to a tree. */
export async function benchVerify({ events }: { readonly events: number }): Promise<Results> {
  const entries = Math.max(events, ENTRIES_MIN);
  const folder = await mkdtemp(join(tmpdir(), 'recant-bench-'));
  try {
    const file = join(folder, 'bench.recant');
    note(`writing a bundle of ${entries} entries`);
    await writeFile(file, entries);
    const bytes = (await stat(file)).size;
    let bare = 0;
    let verified = 0;
    for (let turn = 1; turn <= ROUNDS; turn += 1) {
      note(`reading and verifying it, ${turn} of ${ROUNDS}`);
      bare = Math.max(bare, await rate(entries, () => bareLoop(file)));
      verified = Math.max(verified, await rate(entries, () => verifyOnTwoThreads(file)));
    }
    const alone = await rate(entries, () => verifyOnOne(file));
    note('verifying it under the profiler, on one thread');
    const steps = await profileSteps(() => verifyOnOne(file));
    return { name: 'verify', machine: describeMachine(), figures: figuresOf(entries, bytes, { bare, verified, alone }, steps) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Rates {
  readonly bare: number;
  readonly verified: number;
  readonly alone: number;
}

function figuresOf(entries: number, bytes: number, { bare, verified, alone }: Rates, steps: ReadonlyMap<string, number>): Figure[] {
  const spent = [...steps].map(([step, us]) => ({ metric: `  ${step}`, value: round(us / entries, 2), unit: 'µs an entry' }));
  return [
    { metric: 'entries', value: entries, unit: 'entries' },
    { metric: 'file', value: round(bytes / 2 ** 20), unit: 'MiB' },
    { metric: 'bare loop: read, SHA-256, Merkle', value: round(bare), unit: 'entries/s' },
    against({ metric: 'recant verify FILE', value: round(verified), unit: 'entries/s' }, bare, FLOOR),
    against({ metric: 'the same on one thread', value: round(alone), unit: 'entries/s' }, bare),
    { metric: 'peak memory of this process', value: round(process.resourceUsage().maxRSS / 1_024), unit: 'MiB' },
    ...spent.sort((a, b) => b.value - a.value),
  ];
}

async function rate(entries: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (entries * 1_000) / (performance.now() - start);
}

/** The minimum for any verifier: read every byte, hash each entry, build the tree. */
async function bareLoop(file: string): Promise<void> {
  const tree = Frontier.empty();
  let rest: Buffer = Buffer.alloc(0);
  let skip = 'recant-bundle/v1\n'.length;
  for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES })) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    let at = skip;
    skip = 0;
    for (; at + 5 <= rest.length; ) {
      const end = at + 5 + rest.readUInt32BE(at + 1);
      if (end > rest.length) break;
      if (rest[at] === 0x45) tree.append([leafHash(rest.subarray(at + 13, end))]);
      at = end;
    }
    rest = rest.subarray(at);
  }
  tree.root();
}

async function verifyOnTwoThreads(file: string): Promise<void> {
  await using events = threadedEventCheck();
  await verify(file, events);
}

async function verifyOnOne(file: string): Promise<void> {
  using scratch = scratchFile();
  await verify(file, createEventCheck(scratch));
}

async function verify(file: string, events: EventCheck): Promise<void> {
  const verdict = await verifyBundle(createReadStream(file, { highWaterMark: READ_BYTES }), { events });
  if (!verdict.sound) throw new Error(`the bundle of the benchmark is not sound: ${verdict.rule} at ${verdict.index}: ${verdict.detail}`);
}

async function writeFile(file: string, entries: number): Promise<void> {
  const key = ed25519Signer(LEDGER, new Uint8Array(32).fill(1));
  const vkey = formatVerifierKey(key.key);
  const signer: Signer = { name: LEDGER, vkey, sign: async (text) => key.sign(Buffer.from(text).toString('utf8')) };
  const log = benchLog(entries, (text) => encodeNote(signNote(text, [key])));
  const source = { ledger: LEDGER, tenant: TENANT, made: new Date().toISOString(), query: {}, vkeys: [vkey], logs: [log] };
  await pipeline(writeBundle(source, signer), createWriteStream(file));
}

/** A log as it is written: entries and checkpoints are made as they are asked for. */
function benchLog(entries: number, sign: (text: string) => Uint8Array): BundleLogSource {
  const shard = 0;
  const origin = originOf(LEDGER, { tenant: TENANT, shard }, 1);
  const tree = Frontier.empty();
  return {
    shard,
    shards: 1,
    epoch: 1,
    origin,
    from: 0n,
    size: BigInt(entries),
    start: Buffer.alloc(0),
    async *entries() {
      const workload = createWorkload({ sources: 256, agents: 16, sourcePrefix: 'recant://bench', seed: SEED, startMs: Date.now() });
      for (let n = 0; n < entries; n += 1) {
        const body = n === 0 ? genesisBody({ epoch: 1, shard, shards: 1, tenant: TENANT }) : workload.next().bytes;
        const frame = encodeFrame({
          kind: n === 0 ? 'genesis' : 'event',
          tenant: TENANT,
          keyId: 'bench',
          receivedAtMs: 1_700_000_000_000 + n,
          body,
        });
        tree.append([leafHash(frame)]);
        yield { index: BigInt(n), frame };
      }
    },
    async *checkpoints() {
      for (let size = ENTRIES_PER_CHECKPOINT; size < entries; size += ENTRIES_PER_CHECKPOINT) yield signed(size);
      yield signed(entries);
    },
    async *deadLetters() {},
  };

  /** Asked for when the tree has grown to it: the writer looks one checkpoint ahead. */
  function signed(size: number): { size: bigint; note: Uint8Array } {
    return {
      size: BigInt(size),
      get note() {
        return sign(formatCheckpoint({ origin, size: BigInt(size), root: tree.root() }));
      },
    };
  }
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
