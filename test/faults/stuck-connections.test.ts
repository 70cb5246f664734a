import { randomBytes } from 'node:crypto';
import { shardOf } from '@recant/events';
import { type TestDatabase, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningLedger, SHARDS, startLedger, TENANT } from '../../services/ledger/test/harness.ts';
import { TestSource } from '../../services/ledger/test/producer.ts';
import { type Rule, StrikingProxy } from './matrix/proxy.ts';
import { matcherOf } from './matrix/requests.ts';

const masterKey = randomBytes(32);
let database: TestDatabase;
let proxy: StrikingProxy;
/** Its connections pass through the proxy. */
let ledger: RunningLedger;
let other: string;
beforeEach(async () => {
  database = await testLedgerDatabase();
  const { port } = new URL(database.url);
  proxy = new StrikingProxy(() => Number(port));
  const through = new URL(database.url);
  through.port = String(await proxy.listen());
  ledger = await startLedger({ databaseUrl: through.href, masterKey });
  other = (await ledger.makeKey({ tenant: 'other' })).apiKey;
});
afterEach(async () => {
  await ledger.stop();
  await proxy.close();
  await database.drop();
});

/** Strikes the next request of TENANT. @returns whether it struck */
function strike(operation: 'append' | 'look-up', rule: Pick<Rule, 'phase' | 'skip' | 'action'>): () => boolean {
  let hasStruck = false;
  const keyIds = [ledger.agentApiKey.keyId];
  const matches = matcherOf(operation, { tenant: TENANT, others: ['other'], keyIds });
  proxy.strike({ ...rule, matches, repeats: false, struck: () => (hasStruck = true) });
  return () => hasStruck;
}

/** Two sources of one log. */
function sourcesOfOneLog(): [TestSource, TestSource] {
  const first = new TestSource('stuck');
  for (;;) {
    const second = new TestSource('stuck');
    if (shardOf(TENANT, second.source, SHARDS) === shardOf(TENANT, first.source, SHARDS)) return [first, second];
  }
}

test.each(['append', 'look-up'] as const)(
  'I4: a half-open connection in an %s delays no other tenant, and becomes a 503 and a new connection',
  { timeout: 120_000 },
  async (operation) => {
    const source = new TestSource('stuck');
    const free = new TestSource('free');
    expect((await ledger.post(source.opened())).status).toBe(201);
    expect((await ledger.post(free.opened(), { key: other })).status).toBe(201);
    const hasStruck = strike(operation, { phase: 'after', skip: 0, action: 'drop' });
    const { bytes } = source.intended();
    let answered: number | undefined;
    const stuck = ledger.post(bytes).then(({ status }) => {
      answered = status;
    });
    await waitUntil(hasStruck);
    // One after the other: each would wait for the stuck one.
    for (let n = 0; n < 3; n += 1) expect((await ledger.post(free.intended().bytes, { key: other })).status).toBe(201);
    expect(answered).toBeUndefined();
    await stuck;
    expect(answered).toBe(503);
    await waitUntil(async () => [200, 201].includes((await ledger.post(bytes)).status));
    expect(await ledger.audit()).toEqual([]);
  },
);

test('I4: a replica stopped inside its transaction: another replica refuses that log in bounded time, goes on without it, and serves other tenants', {
  timeout: 120_000,
}, async () => {
  const [first, second] = sourcesOfOneLog();
  const free = new TestSource('free');
  const healthy = await startLedger({ databaseUrl: database.url, masterKey });
  const post = (bytes: Uint8Array, key = ledger.agentKey) => healthy.post(bytes, { key });
  try {
    expect((await ledger.post(first.opened())).status).toBe(201);
    expect((await post(second.opened())).status).toBe(201);
    // What a stopped process looks like to PostgreSQL: silent, with the log locked.
    const hasStruck = strike('append', { phase: 'before', skip: 1, action: 'hold' });
    const { bytes } = first.intended();
    const held = ledger.post(bytes);
    await waitUntil(hasStruck);
    const next = second.intended().bytes;
    expect((await post(next)).status).toBe(503);
    expect((await post(free.opened(), other)).status).toBe(201);
    await waitUntil(async () => (await post(next)).status === 201, { timeoutMs: 60_000 });
    expect((await held).status).toBe(503);
    proxy.release();
    expect((await ledger.post(bytes)).status).toBe(201);
    expect(await ledger.audit()).toEqual([]);
  } finally {
    await healthy.stop();
  }
});
