import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderAnchor } from '@recant/anchors';
import { shardOf } from '@recant/events';
import { waitUntil } from '@recant/test-support';
import {
  type CheckpointPolicy,
  decodeEntryBundle,
  decodeTlogProof,
  entriesPath,
  leafHash,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  proveConsistency,
  readRoot,
  type Tile,
  tileHashReader,
  tilePath,
  verifyCheckpoint,
  verifyConsistency,
  verifyTenantHeads,
  verifyTlogProof,
} from '@recant/transparency';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSigningKey, parseSigningKeys } from '../src/signing-keys.ts';
import { type RunningLedger, SHARDS, startLedger, TENANT } from './harness.ts';
import { TestSource } from './producer.ts';

const LEDGER = 'example.org/ledger';
const keyFile = newSigningKey(LEDGER) + newSigningKey(LEDGER);
const keys = parseSigningKeys(keyFile, 'a test');
const timing = { integrateMs: 20, publishMs: 20, anchorMs: 50, headMs: 100 };
let ledger: RunningLedger;
let dir: string;
let viewer: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recant-anchor-'));
  ledger = await startLedger({ evidence: { keys, anchors: [folderAnchor(dir)], timing } });
  viewer = (await ledger.makeKey({ roles: ['view'], agents: [] })).apiKey;
});
afterAll(async () => {
  await ledger.stop();
  await rm(dir, { recursive: true });
});

const source = new TestSource('evidence');
const shard = shardOf(TENANT, source.source, SHARDS);
const read = async (path: string, key = viewer): Promise<{ status: number; bytes: Uint8Array }> => {
  const response = await fetch(`${ledger.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
};
const policyOf = (origin: string): CheckpointPolicy => ({ origin, logKeys: keys.signers.map(({ vkey }) => parseVerifierKey(vkey)) });
const policy = policyOf(`${LEDGER}/${TENANT}/${shard}/e1`);
const checkpoint = async () => verifyCheckpoint((await read(`/v1/tlog/${shard}/checkpoint`)).bytes, policy);
const readTiles = (tiles: readonly Tile[]) =>
  Promise.all(tiles.map(async (tile) => (await read(`/v1/tlog/${shard}/${tilePath(tile)}`)).bytes));
const send = async (attempts: number): Promise<readonly string[]> => {
  const made = Array.from({ length: attempts }, () => source.attempt(['postgres://shop/public.orders/1']));
  await ledger.agents.submitBatch(made.flatMap(({ events }) => events));
  return made.map(({ action }) => action);
};
const published = (size: bigint) =>
  waitUntil(async () => (await read(`/v1/tlog/${shard}/checkpoint`)).status === 200 && (await checkpoint()).checkpoint.size >= size);

test('a C2SP client can read and verify checkpoint, tiles and entries, and every checkpoint extends the previous one', async () => {
  await send(90);
  await published(271n);
  const first = (await checkpoint()).checkpoint;
  await send(100);
  await published(571n);
  const { checkpoint: second, signatures } = await checkpoint();
  expect(signatures).toHaveLength(2);
  const reader = tileHashReader(second.size, readTiles);
  expect(await readRoot(second.size, reader)).toEqual(second.root);
  verifyConsistency(first, second, await proveConsistency(first.size, second.size, reader));
  const bundle = { index: 1n, width: 256 };
  const entries = decodeEntryBundle((await read(`/v1/tlog/${shard}/${entriesPath(bundle)}`)).bytes, 256);
  const [hashes] = await readTiles([{ level: 0, ...bundle }]);
  expect(Buffer.concat(entries.map(leafHash))).toEqual(Buffer.from(hashes as Uint8Array));
  // Partial tiles stay available at every width.
  expect((await readTiles([{ level: 0, index: 0n, width: 3 }]))[0]).toHaveLength(96);
});

test.each(['tile/0/x000', 'tile/9/000', 'tile/entries/999', 'tile/0/001.p/256', 'tile/x/../checkpoint'])(
  '%s is nothing that is there',
  async (path) => {
    expect((await read(`/v1/tlog/${shard}/${path}`)).status).toBe(404);
  },
);

test('vkeys lists the signing keys, and no tenant can read another’s log', async () => {
  const { bytes } = await read('/v1/tlog/vkeys');
  expect(Buffer.from(bytes).toString()).toBe(keys.signers.map(({ vkey }) => `${vkey}\n`).join(''));
  const other = await ledger.store.credentials.create({
    tenant: 'other',
    roles: ['view'],
    sourcePrefix: 'recant://',
    agents: [],
    resources: [],
  });
  expect((await read(`/v1/tlog/${shard}/checkpoint`, other.apiKey)).status).toBe(404);
  expect((await read(`/v1/tlog/${shard}/tile/0/000`, other.apiKey)).status).toBe(404);
  expect((await read('/v1/head', other.apiKey)).status).toBe(404);
  const agent = await read(`/v1/tlog/${shard}/checkpoint`, ledger.agentKey);
  expect(agent.status).toBe(403);
});

test('a receipt verifies offline from its entry and the keys alone, also for an intent', async () => {
  const [action = ''] = await send(1);
  const open = source.intended();
  await ledger.agents.submitEvent(open.bytes);
  for (const [id, type] of [
    [action, 'recant.attempt.settled.v1'],
    [open.action, 'recant.attempt.intended.v1'],
  ] as const) {
    await waitUntil(async () => (await read(`/v1/actions/${id}/receipt`)).status === 200);
    const { bytes } = await read(`/v1/actions/${id}/receipt?attempt=1`);
    const frame = decodeTlogProof(bytes).extra as Uint8Array;
    const { proof } = verifyTlogProof(bytes, leafHash(frame), policy);
    expect(proof.index).toBeGreaterThan(0n);
    expect(Buffer.from(frame).toString()).toContain(type);
    expect(Buffer.from(frame).toString()).toContain(id);
    const changed = Uint8Array.from(frame);
    changed[40] = (changed[40] as number) ^ 1;
    expect(() => verifyTlogProof(bytes, leafHash(changed), policy)).toThrow(expect.objectContaining({ code: 'root_mismatch' }));
  }
  expect((await read(`/v1/actions/${action}/receipt?attempt=2`)).status).toBe(404);
  expect((await read('/v1/actions/no-such-action/receipt')).status).toBe(404);
});

test('the head covers the tenant’s logs through its own path', async () => {
  await waitUntil(async () => (await read('/v1/head')).status === 200);
  const head = JSON.parse(Buffer.from((await read('/v1/head')).bytes).toString());
  const [, tenant, ...lines] = head.heads.trimEnd().split('\n');
  const logs = lines.map((line: string) => {
    const [epoch, number, size, root = ''] = line.split(' ');
    return { epoch: Number(epoch), shard: Number(number), size: BigInt(size as string), root: Buffer.from(root, 'base64') };
  });
  const path = { ...head, publication: BigInt(head.publication), salt: Buffer.from(head.salt, 'base64') };
  path.path = head.path.map((hash: string) => Buffer.from(hash, 'base64'));
  expect(tenant).toBe(TENANT);
  expect(logs.length).toBeGreaterThan(0);
  verifyTenantHeads({ tenant, logs }, path, Buffer.from(head.proof), policyOf(`${LEDGER}/head`));
});

test('checkpoints and heads are in the anchor, one file each, and recorded as anchored in the database', async () => {
  const folder = join(dir, 'example%2Eorg', 'ledger', TENANT, String(shard), 'e1');
  const { size } = (await checkpoint()).checkpoint;
  await waitUntil(async () => (await readdir(folder)).includes(`${String(size).padStart(19, '0')}.checkpoint`));
  // Files being written have a different name.
  await waitUntil(async () => (await readdir(folder)).every((name) => name.endsWith('.checkpoint')));
  const names = (await readdir(folder)).filter((name) => name.endsWith('.checkpoint'));
  for (const name of names) verifyCheckpoint(await readFile(join(folder, name)), policy);
  const { rows } = await ledger.store.pool.query("SELECT count(*)::int AS n FROM recant.anchored WHERE shard = $1 AND anchor = 'folder'", [
    shard,
  ]);
  expect(rows[0].n).toBeGreaterThan(0);
  const heads = await readdir(join(dir, 'example%2Eorg', 'ledger', 'head'));
  const note = parseNote(await readFile(join(dir, 'example%2Eorg', 'ledger', 'head', heads[0] as string)));
  expect(parseCheckpoint(note.text).origin).toBe(`${LEDGER}/head`);
  expect((await ledger.operator.health()).status).toBe('ok');
  expect(JSON.stringify(ledger.log)).not.toContain('PRIVATE');
  expect(await ledger.audit()).toEqual([]);
});
