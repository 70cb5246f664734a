import { randomUUID } from 'node:crypto';
import { type ApiKey, joinBatch, OPERATOR_TENANT, parseApiKey, partDigest, shardOf } from '@recant/events';
import { batchMessage, createProducer, type EventProducer, partMessage } from '@recant/kafka';
import { RATES_DEFAULT } from '@recant/service';
import { type TestDatabase, type TestKafka, testKafka, testLedgerDatabase, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, SHARDS, startLedger, TENANT } from './harness.ts';
import { TestSource } from './producer.ts';

/** Events per second of one key; ten seconds' worth at once. */
const RATE = 20;
let kafka: TestKafka;
let database: TestDatabase;
let ledger: RunningLedger;
let producer: EventProducer;
let admin: pg.Client;
beforeAll(async () => {
  [kafka, database] = await Promise.all([testKafka({ partitions: SHARDS }), testLedgerDatabase()]);
  producer = await createProducer(kafka);
  const rates = { ...RATES_DEFAULT, key: { requests: 0, events: RATE, bytes: 0 } };
  ledger = await startLedger({ kafka: { ...kafka, groupId: `test-${randomUUID()}` }, databaseUrl: database.url, rates });
  admin = new pg.Client({ connectionString: database.ownerUrl });
  await admin.connect();
});
afterAll(async () => {
  expect(await ledger.audit()).toEqual([]);
  await admin.end();
  await producer.close();
  await ledger.stop();
  await database.drop();
});

const keyOf = async (tenant: string) => parseApiKey((await ledger.makeKey({ tenant })).apiKey) as ApiKey;
/** A source whose log is of partition 1. */
function sourceOf(tenant: string, agent: string): TestSource {
  for (let source = new TestSource(agent); ; source = new TestSource(agent))
    if (shardOf(tenant, source.source, SHARDS) === 1) return source;
}
const send = (key: ApiKey, events: readonly Uint8Array[]) => producer.send(events.map((bytes) => batchMessage(key, 1, bytes)));
const NUMBERS = `SELECT e.sequence::int AS n FROM recant.entry e JOIN recant.source s USING (tenant_id, source_no) WHERE s.source = $1 ORDER BY e.idx`;
const numbersOf = async ({ source }: TestSource) => (await admin.query(NUMBERS, [source])).rows.map(({ n }) => n as number);
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);
const heldCount = async () => (await admin.query('SELECT count(*)::int AS n FROM recant.held_message')).rows[0].n as number;

test('I4: a key over its rate is slowed, not refused: its events are recorded in order, and another key of the partition does not wait', async () => {
  const [flooding, calm] = [await keyOf(TENANT), await keyOf('rival')];
  const [flood, other] = [sourceOf(TENANT, 'flood'), sourceOf('rival', 'calm')];
  const count = RATE * 10 + 60;
  const bytes = Buffer.from('a part of the flood');
  const salt = Buffer.alloc(16, 7);
  await send(
    flooding,
    Array.from({ length: count }, () => flood.intended().bytes),
  );
  await producer.send([partMessage(flooding, 1, { digest: partDigest(salt, bytes), salt: salt.toString('base64url'), bytes })]);
  await send(calm, [other.intended().bytes]);
  await waitUntil(async () => (await numbersOf(other)).length === 1);
  expect((await numbersOf(flood)).length).toBeLessThan(count);
  await waitUntil(async () => (await ledger.wired.health.kafka?.())?.detail?.includes('wait for the rate of their keys'));
  await waitUntil(async () => (await numbersOf(flood)).length === count, { timeoutMs: 60_000 });
  expect(await numbersOf(flood)).toEqual(upTo(count));
  await waitUntil(async () => (await ledger.store.parts.get(TENANT, partDigest(salt, bytes))) !== undefined);
  await waitUntil(async () => (await heldCount()) === 0);
  expect((await ledger.store.queries.deadLetters(TENANT, { limit: 10 })).deadLetters).toEqual([]);
});

test('I4: a batch counts its events; over the rate they wait in order, and its bad lines are one dead letter', async () => {
  const [key, source] = [await keyOf(TENANT), sourceOf(TENANT, 'batched')];
  const good = (count: number) => Array.from({ length: count }, () => source.intended().bytes);
  const bad = Array.from({ length: 20 }, (_, n) => Buffer.from(`nonsense ${n}`));
  const whole = [good(120), good(100)];
  const mixed = good(30).flatMap((bytes, n) => (n < bad.length ? [bytes, bad[n] as Uint8Array] : [bytes]));
  const batches = [...whole, mixed].map((events) => batchMessage(key, 1, joinBatch(events)));
  await producer.send(batches);
  await waitUntil(async () => (await numbersOf(source)).length === 220);
  await waitUntil(async () => (await numbersOf(source)).length === 250, { timeoutMs: 60_000 });
  expect(await numbersOf(source)).toEqual(upTo(250));
  await waitUntil(async () => (await heldCount()) === 0);
  const { deadLetters } = await ledger.store.queries.deadLetters(TENANT, { limit: 10 });
  expect(deadLetters).toMatchObject([{ code: 'malformed_json', keyId: key.keyId, origin: expect.stringMatching(/#2$/) }]);
  expect(deadLetters[0]?.detail).toMatch(/^20 events of this batch \(\d+ bytes, SHA-256 [0-9a-f]{64} of their lines in order\)/);
});

test('I4: messages of a locked log are held and recorded in order once it is free; other logs of the partition are recorded meanwhile', async () => {
  const [mine, theirs] = [await keyOf(TENANT), await keyOf('rival')];
  const [locked, late, free] = [sourceOf(TENANT, 'locked'), sourceOf(TENANT, 'late'), sourceOf('rival', 'free')];
  await send(mine, [locked.intended().bytes]);
  await waitUntil(async () => (await numbersOf(locked)).length === 1);
  await admin.query('BEGIN');
  await admin.query('SELECT FROM recant.log WHERE tenant_id = $1 AND shard = 1 FOR UPDATE', [TENANT]);
  for (let n = 0; n < 3; n += 1) {
    await send(mine, [locked.intended().bytes]);
    await send(theirs, [free.intended().bytes]);
  }
  const observer = new pg.Client({ connectionString: database.ownerUrl });
  await observer.connect();
  await waitUntil(async () => (await observer.query(NUMBERS, [free.source])).rows.length === 3);
  await waitUntil(async () => (await observer.query('SELECT count(*)::int AS n FROM recant.held_message')).rows[0].n === 3);
  await observer.end();
  await admin.query('ROLLBACK');
  await send(mine, [locked.intended().bytes, late.intended().bytes]);
  await waitUntil(async () => (await numbersOf(locked)).length === 5 && (await numbersOf(late)).length === 1);
  expect(await numbersOf(locked)).toEqual(upTo(5));
  await waitUntil(async () => (await heldCount()) === 0);
});

test('I4: unsigned messages are bounded for each partition, are all accounted for, and share no log with another partition', async () => {
  const count = 1_500;
  for (let from = 0; from < count; from += 500)
    await producer.send(Array.from({ length: 500 }, (_, n) => ({ partition: 2, value: Buffer.from(`garbage ${from + n}`), headers: {} })));
  const accounted = async () => {
    const { deadLetters } = await ledger.store.queries.deadLetters(OPERATOR_TENANT, { limit: 1_000 });
    const counts = deadLetters.map(({ detail }) => Number(/^(\d+) messages at offsets/.exec(detail)?.[1] ?? 1));
    return { sum: counts.reduce((sum, each) => sum + each, 0), letters: deadLetters };
  };
  const { letters } = await waitUntil(async () => {
    const found = await accounted();
    return found.sum >= count ? found : undefined;
  });
  expect((await accounted()).sum).toBe(count);
  expect(letters.length).toBeLessThan(count / 2);
  expect(new Set(letters.map(({ shard }) => shard))).toEqual(new Set([2]));
  expect(letters.some(({ origin }) => /\/2\/\d+-\d+$/.test(origin))).toBe(true);
});
