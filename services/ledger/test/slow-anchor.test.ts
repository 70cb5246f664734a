import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderAnchor } from '@recant/anchors';
import { shardOf } from '@recant/events';
import { originOf } from '@recant/ledger';
import { testLedgerDatabase, waitUntil } from '@recant/test-support';
import { expect, onTestFinished, test } from 'vitest';
import { newSigningKey, parseSigningKeys } from '../src/wire.ts';
import { SHARDS, startLedger, TENANT } from './harness.ts';
import { submitAll, TestSource } from './producer.ts';

test('I4: an anchor that does not answer delays no commit, neither of new logs nor of all logs after a restart (L9, r5)', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'recant-slow-'));
  const database = await testLedgerDatabase();
  onTestFinished(async () => {
    await database.drop();
    await rm(dir, { recursive: true, force: true });
  });
  const real = folderAnchor(dir);
  let asked = 0;
  let release = (): void => {};
  let answering = new Promise<void>((resolve) => {
    release = resolve;
  });
  const late = async <T>(ask: () => Promise<T>): Promise<T> => {
    asked += 1;
    await answering;
    return ask();
  };
  const anchor = {
    name: real.name,
    put: (checkpoint: Parameters<typeof real.put>[0]) => late(() => real.put(checkpoint)),
    latest: (origin: string) => late(() => real.latest(origin)),
  };
  const keys = parseSigningKeys(newSigningKey('example.org/ledger'), 'a test');
  const timing = { integrateMs: 20, publishMs: 20, anchorMs: 20, headMs: 1_000_000_000 };
  const masterKey = new Uint8Array(32).fill(3);
  const start = () => startLedger({ databaseUrl: database.url, masterKey, evidence: { keys, anchors: [anchor], timing } });
  const shards = new Set<number>();
  /** One request with events of all logs, and one of another tenant. */
  const record = async (ledger: Awaited<ReturnType<typeof start>>): Promise<void> => {
    const sources = Array.from({ length: 40 }, () => new TestSource('bot'));
    for (const { source } of sources) shards.add(shardOf(TENANT, source, SHARDS));
    const other = await ledger.makeKey({ tenant: 'globex' });
    const [receipts, single] = await Promise.all([
      submitAll(
        ledger.agents,
        sources.map((source) => source.intended().bytes),
      ),
      ledger.client(other.apiKey).submitEvent(new TestSource('bot').intended().bytes),
    ]);
    expect(receipts.map(({ kind }) => kind)).toEqual(Array(40).fill('appended'));
    expect(single.kind).toBe('appended');
  };

  // Nothing here resolves before the anchor answers, except for the commits.
  const first = await start();
  await record(first);
  await waitUntil(() => asked > 0);
  await record(first);
  expect(shards.size).toBe(SHARDS);
  release();
  const anchored = async () =>
    (await Promise.all([...shards].map((shard) => real.latest(originOf('example.org/ledger', { tenant: TENANT, shard }, 1))))).every(
      (one) => one !== undefined,
    );
  await waitUntil(anchored);
  await first.stop();

  answering = new Promise<void>((resolve) => {
    release = resolve;
  });
  asked = 0;
  const second = await start();
  await record(second);
  await waitUntil(() => asked > 0);
  await record(second);
  release();
  expect(await second.audit()).toEqual([]);
  await second.stop();
}, 180_000);
