import { randomUUID } from 'node:crypto';
import { type ApiKey, parseApiKey, shardOf } from '@recant/events';
import { batchMessage, createProducer, type EventProducer } from '@recant/kafka';
import { type TestDatabase, testKafka, testLedgerDatabase, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningLedger, SHARDS, startLedger, TENANT } from '../../services/ledger/test/harness.ts';
import { submitAll, TestSource } from '../../services/ledger/test/producer.ts';

const B = 'globex';
const FLOOD_SOURCES = 24;
const FLOOD_EVENTS = 100;
let database: TestDatabase;
let ledger: RunningLedger;
let topics: { readonly shared: string; readonly ofA: string; readonly ofB: string };
let producers: Map<string, EventProducer>;
beforeEach(async () => {
  database = await testLedgerDatabase();
  const { brokers, topic: shared } = await testKafka({ partitions: SHARDS });
  const { topic: ofA } = await testKafka({ partitions: SHARDS });
  const { topic: ofB } = await testKafka({ partitions: SHARDS });
  topics = { shared, ofA, ofB };
  producers = new Map();
  for (const topic of Object.values(topics)) producers.set(topic, await createProducer({ brokers, topic }));
  const kafka = { brokers, topic: shared, tenantTopics: { [TENANT]: ofA, [B]: ofB }, groupId: `test-${randomUUID()}` };
  ledger = await startLedger({ databaseUrl: database.url, kafka });
});
afterEach(async () => {
  for (const producer of producers.values()) await producer.close();
  await ledger.stop();
  await database.drop();
});

const keyOf = async (tenant: string): Promise<ApiKey> => parseApiKey((await ledger.makeKey({ tenant })).apiKey) as ApiKey;

async function send(topic: string, key: ApiKey, tenant: string, source: TestSource, events: readonly Uint8Array[]): Promise<void> {
  await producers.get(topic)?.send(events.map((bytes) => batchMessage(key, shardOf(tenant, source.source, SHARDS), bytes)));
}

const attemptsOf = (tenant: string) => ledger.store.queries.attempts(tenant, { selection: {}, limit: 1_000, nowMs: 0 });

test('I10: while one tenant’s topic is flooded and its logs are blocked, another tenant’s events are recorded', async () => {
  const source = new TestSource();
  await submitAll(
    ledger.agents,
    Array.from({ length: 20 }, () => new TestSource().opened()),
  );
  const blocking = new pg.Client({ connectionString: database.ownerUrl });
  await blocking.connect();
  // Blocks every transaction of A for the duration of this one.
  await blocking.query('BEGIN');
  await blocking.query('SELECT 1 FROM recant.log WHERE tenant_id = $1 FOR UPDATE', [TENANT]);
  for (let n = 0; n < FLOOD_SOURCES; n++) {
    const flooding = new TestSource();
    await send(
      topics.ofA,
      ledger.agentApiKey,
      TENANT,
      flooding,
      Array.from({ length: FLOOD_EVENTS }, () => flooding.intended().bytes),
    );
  }
  await waitUntil(async () => {
    const { rows } = await blocking.query(
      "SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    );
    return rows[0].waiting > 0;
  });
  const { action, bytes } = source.intended();
  await send(topics.ofB, await keyOf(B), B, source, [bytes]);
  await waitUntil(async () => (await attemptsOf(B)).attempts.some(({ ref }) => ref.action === action));
  expect((await attemptsOf(TENANT)).attempts).toEqual([]);

  await blocking.query('COMMIT');
  await blocking.end();
  await waitUntil(async () => (await ledger.operator.logs()).reduce((sum, { size }) => sum + size, 0) >= FLOOD_SOURCES * FLOOD_EVENTS, {
    timeoutMs: 60_000,
  });
  expect(await ledger.audit()).toEqual([]);
});

test('a key is accepted only in the topic of its tenant; messages elsewhere are dead letters of its own tenant', async () => {
  const [a, b, c] = [ledger.agentApiKey, await keyOf(B), await keyOf('initech')];
  const sent = [
    [topics.ofB, a, TENANT],
    [topics.shared, a, TENANT],
    [topics.ofA, b, B],
    [topics.ofA, c, 'initech'],
  ] as const;
  for (const [topic, key, tenant] of sent) {
    const source = new TestSource();
    await send(topic, key, tenant, source, [source.intended().bytes]);
  }
  const source = new TestSource();
  await send(topics.shared, c, 'initech', source, [source.intended().bytes]);
  const letters = async (tenant: string) =>
    (await ledger.store.queries.deadLetters(tenant, { limit: 10 })).deadLetters.map(
      ({ code, origin }) => `${code} ${origin.split('/')[0]}`,
    );
  await waitUntil(
    async () => (await letters(TENANT)).length === 2 && (await letters(B)).length === 1 && (await letters('initech')).length === 1,
  );
  expect((await letters(TENANT)).sort()).toEqual(
    [`topic_not_allowed kafka:${topics.ofB}`, `topic_not_allowed kafka:${topics.shared}`].sort(),
  );
  expect(await letters('initech')).toEqual([`topic_not_allowed kafka:${topics.ofA}`]);
  await waitUntil(async () => (await attemptsOf('initech')).attempts.length === 1);
  expect([(await attemptsOf(TENANT)).attempts, (await attemptsOf(B)).attempts]).toEqual([[], []]);
  await waitUntil(() => ledger.log.some(({ alarm }) => alarm === 'forged_event'));
});
