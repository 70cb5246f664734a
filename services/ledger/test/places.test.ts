import { shardOf } from '@recant/events';
import { testBucket, waitUntil } from '@recant/test-support';
import {
  ed25519Signer,
  encodeNote,
  formatCheckpoint,
  leafHash,
  parseSigningKey,
  parseVerifierKey,
  rootOf,
  signNote,
  verifyCheckpoint,
} from '@recant/transparency';
import { afterEach, expect, test } from 'vitest';
import { s3Anchor } from '../../../libs/anchors/src/s3/anchor.ts';
import { httpWitness } from '../../../libs/anchors/src/witness/http-witness.ts';
import { addCheckpoint, dropFolder, type RunningWitness, startWitness, witnessFolder } from '../../witness/test/harness.ts';
import { newSigningKey, parseSigningKeys } from '../src/signing-keys.ts';
import { type RunningLedger, SHARDS, startLedger, TENANT } from './harness.ts';
import { TestSource } from './producer.ts';

const LEDGER = 'example.org/ledger';
const keyFile = newSigningKey(LEDGER);
const keys = parseSigningKeys(keyFile, 'a test');
const vkey = keys.signers.map((signer) => signer.vkey)[0] ?? '';
const timing = { integrateMs: 20, publishMs: 20, anchorMs: 50 };
const source = new TestSource('places');
const shard = shardOf(TENANT, source.source, SHARDS);
const origin = `${LEDGER}/${TENANT}/${shard}/e1`;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function witnessOn(port = 0): Promise<RunningWitness & { dir: string }> {
  const dir = await witnessFolder();
  closing.push(() => dropFolder(dir));
  const witness = await startWitness(dir, [vkey], Date.now, port);
  closing.push(witness.stop);
  return { ...witness, dir };
}

async function ledgerWith(places: Pick<NonNullable<NonNullable<Parameters<typeof startLedger>[0]>['evidence']>, 'anchors' | 'witnesses'>) {
  const ledger = await startLedger({ evidence: { keys, timing, ...places } });
  closing.push(() => ledger.stop());
  const viewer = (await ledger.makeKey({ roles: ['view'], agents: [] })).apiKey;
  return { ledger, viewer };
}

const send = async (ledger: RunningLedger, attempts: number): Promise<void> => {
  const made = Array.from({ length: attempts }, () => source.attempt(['postgres://shop/public.orders/1']));
  await ledger.agents.submitBatch(made.flatMap(({ events }) => events));
};

const healthOf = async ({ owner }: RunningLedger): Promise<{ status: string; detail?: string | undefined }> => {
  return (await owner.healthDetails()).checks?.evidence ?? { status: 'none' };
};

/** Waits for the served checkpoint with this witness's cosignature. */
async function cosigned({ url }: RunningLedger, viewer: string, witness: { vkey: string }, sizeMin: bigint) {
  const policy = { origin, logKeys: [parseVerifierKey(vkey)], witnessKeys: [parseVerifierKey(witness.vkey)], witnessesMin: 1 };
  return waitUntil(async () => {
    const response = await fetch(`${url}/v1/tlog/${shard}/checkpoint`, { headers: { authorization: `Bearer ${viewer}` } });
    const note = new Uint8Array(await response.arrayBuffer());
    const { checkpoint } = verifyCheckpoint(note, policy);
    return checkpoint.size >= sizeMin ? checkpoint : undefined;
  });
}

test('every checkpoint of a growing log gets into the bucket and is served with its cosignature', async () => {
  const anchor = s3Anchor({ ...(await testBucket()), clock: Date.now });
  const witness = await witnessOn();
  const { ledger, viewer } = await ledgerWith({
    anchors: [anchor],
    witnesses: [httpWitness({ url: witness.url, vkey: witness.vkey, clock: Date.now })],
  });
  let size = 1n;
  for (const attempts of [1, 100, 3]) {
    await send(ledger, attempts);
    size += 3n * BigInt(attempts);
    const checkpoint = await cosigned(ledger, viewer, witness, size);
    await waitUntil(async () => {
      const kept = await anchor.latest(origin);
      if (kept === undefined) return false;
      const { size: keptSize, root } = verifyCheckpoint(kept, { origin, logKeys: [parseVerifierKey(vkey)] }).checkpoint;
      return keptSize === checkpoint.size && Buffer.compare(root, checkpoint.root) === 0;
    });
  }
  expect(await healthOf(ledger)).toEqual({ status: 'ok' });
});

test('an unreachable witness is reported in health and retried, and never delays appends', async () => {
  const witness = await witnessOn();
  const { ledger, viewer } = await ledgerWith({ witnesses: [httpWitness({ url: witness.url, vkey: witness.vkey, clock: Date.now })] });
  await send(ledger, 1);
  await cosigned(ledger, viewer, witness, 4n);
  await witness.stop();
  await send(ledger, 1);
  const { status, detail } = await waitUntil(async () => {
    const health = await healthOf(ledger);
    return health.status === 'degraded' ? health : undefined;
  });
  expect({ status, detail }).toEqual({
    status: 'degraded',
    detail: expect.stringMatching(/^Witness recant-witness\/\w+ is unreachable \(connect ECONNREFUSED/),
  });
  await send(ledger, 1);
  const again = await startWitness(witness.dir, [vkey], Date.now, Number(new URL(witness.url).port));
  closing.push(again.stop);
  await cosigned(ledger, viewer, again, 10n);
  await waitUntil(async () => (await healthOf(ledger)).status === 'ok');
});

test('a bucket with a wrong key is reported in health and never delays appends', async () => {
  const anchor = s3Anchor({ ...(await testBucket()), secretAccessKey: 'wrong', clock: Date.now });
  const { ledger } = await ledgerWith({ anchors: [anchor] });
  await send(ledger, 1);
  await waitUntil(async () => (await healthOf(ledger)).detail?.includes('403 SignatureDoesNotMatch: correct the secret access key'));
  await send(ledger, 1);
});

test('a witness that cosigned another history stops the log and logs it', async () => {
  const witness = await witnessOn();
  const { seed } = parseSigningKey(keyFile.trim());
  // The same key signed a different history, as a ledger that forks its log would.
  const text = formatCheckpoint({ origin, size: 2n, root: rootOf([leafHash(Buffer.from('a')), leafHash(Buffer.from('b'))]) });
  const fork = encodeNote(signNote(text, [ed25519Signer(LEDGER, seed)]));
  expect((await addCheckpoint(witness.url, { old: 0, note: fork })).status).toBe(200);
  const { ledger } = await ledgerWith({ witnesses: [httpWitness({ url: witness.url, vkey: witness.vkey, clock: Date.now })] });
  await send(ledger, 1);
  const health = await waitUntil(async () => {
    const now = await healthOf(ledger);
    return now.detail?.includes('rejected the consistency proof') ? now : undefined;
  });
  expect(health.status).toBe('degraded');
  expect(witness.log.some(({ msg }) => msg === 'witness: inconsistent checkpoint, a possible fork')).toBe(true);
  await expect(send(ledger, 1)).rejects.toMatchObject({ code: 'ledger_tampered' });
});
