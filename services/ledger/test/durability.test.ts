import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderAnchor } from '@recant/anchors';
import { shardOf } from '@recant/events';
import { waitUntil } from '@recant/test-support';
import { afterEach, expect, test } from 'vitest';
import { httpWitness } from '../../../libs/anchors/src/witness/http-witness.ts';
import { dropFolder, startWitness, witnessFolder } from '../../witness/test/harness.ts';
import { newSigningKey, parseSigningKeys } from '../src/signing-keys.ts';
import { type HarnessOptions, type RunningLedger, SHARDS, startLedger, TENANT } from './harness.ts';
import { TestSource } from './producer.ts';

const keys = parseSigningKeys(newSigningKey('example.org'), 'a test');
const timing = { integrateMs: 20, publishMs: 20, anchorMs: 50 };
const source = new TestSource('durability');
const shard = shardOf(TENANT, source.source, SHARDS);

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
async function ledgerWith(evidence?: HarnessOptions['evidence']): Promise<RunningLedger> {
  const ledger = await startLedger(evidence === undefined ? {} : { evidence });
  closing.push(async () => {
    expect(await ledger.audit()).toEqual([]);
    await ledger.stop();
  });
  return ledger;
}
/** Sends one event. @returns its durability */
async function send(ledger: RunningLedger) {
  const { action, bytes } = source.intended();
  const { index } = await ledger.agents.submitEvent(bytes);
  return { index, durability: () => ledger.agents.durability(source.source, `${action}.1.intended`) };
}

test('without signing keys, recorded events are covered', async () => {
  const ledger = await ledgerWith();
  expect(await ledger.agents.durability(source.source, 'opened')).toEqual({ shard, epoch: 1, start: 0, covered: false });
  const { index, durability } = await send(ledger);
  expect(await durability()).toEqual({ shard, epoch: 1, start: 0, index, covered: true });
  expect(await ledger.agents.durability(source.source, 'opened')).toEqual({ shard, epoch: 1, start: 0, covered: false });
});

test('without anchors and witnesses, signed events are covered', async () => {
  const ledger = await ledgerWith({ keys, timing });
  const { index, durability } = await send(ledger);
  await waitUntil(async () => (await durability()).covered);
  const signed = await ledger.store.published.checkpoint({ tenant: TENANT, shard });
  expect(signed?.size).toBeGreaterThan(BigInt(index as number));
});

test('with an anchor, only anchored events are covered', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'recant-anchor-'));
  closing.push(() => rm(dir, { recursive: true }));
  const real = folderAnchor(dir);
  let open = false;
  // Unreachable at first, then the real anchor.
  const anchor = { ...real, put: (...args: Parameters<typeof real.put>) => (open ? real.put(...args) : Promise.reject(new Error('away'))) };
  const ledger = await ledgerWith({ keys, timing, anchors: [anchor] });
  const { index, durability } = await send(ledger);
  await waitUntil(async () => (await ledger.store.published.checkpoint({ tenant: TENANT, shard }))?.size === BigInt(index as number) + 1n);
  expect((await durability()).covered).toBe(false);
  open = true;
  await waitUntil(async () => (await durability()).covered);
});

test('cosigned events are covered', async () => {
  const dir = await witnessFolder();
  closing.push(() => dropFolder(dir));
  const vkeys = keys.signers.map(({ vkey }) => vkey);
  const first = await startWitness(dir, vkeys);
  const port = Number(new URL(first.url).port);
  await first.stop();
  const ledger = await ledgerWith({ keys, timing, witnesses: [httpWitness({ url: first.url, vkey: first.vkey, clock: Date.now })] });
  const { index, durability } = await send(ledger);
  await waitUntil(async () => (await ledger.store.published.checkpoint({ tenant: TENANT, shard }))?.size === BigInt(index as number) + 1n);
  expect((await durability()).covered).toBe(false);
  closing.push((await startWitness(dir, vkeys, Date.now, port)).stop);
  await waitUntil(async () => (await durability()).covered);
});

test('a key may ask only about sources that it may send from', async () => {
  const ledger = await ledgerWith();
  const { durability } = await send(ledger);
  const { apiKey } = await ledger.makeKey({ sourcePrefix: 'recant://elsewhere' });
  const elsewhere = ledger.client(apiKey);
  await expect(elsewhere.durability(source.source, 'opened')).rejects.toMatchObject({ status: 403, code: 'source_not_allowed' });
  await expect(ledger.operator.durability(source.source, 'opened')).rejects.toMatchObject({ status: 403, code: 'role_missing' });
  const other = await ledger.makeKey({ tenant: 'other' });
  expect(await ledger.client(other.apiKey).durability(source.source, 'opened')).toMatchObject({ epoch: 1, covered: false });
  expect((await durability()).covered).toBe(true);
});

test('an event or batch is refused without a trace if the log lacks the last acknowledged event', async () => {
  const ledger = await ledgerWith();
  const headers = { 'recant-after': 'heartbeat.1' };
  const { bytes } = source.intended();
  expect(await ledger.post(bytes, { headers })).toMatchObject({ status: 409, body: { code: 'log_behind_source' } });
  const batch = await ledger.post(bytes, { headers, type: 'application/x-ndjson' });
  expect(batch).toMatchObject({ status: 200, body: { receipts: [{ kind: 'refused', code: 'log_behind_source' }] } });
  expect(await ledger.post(bytes, { headers: { 'recant-after': 'x'.repeat(300) } })).toMatchObject({ status: 400 });
  expect(await ledger.operator.logs()).toEqual([]);
});
