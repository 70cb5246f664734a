import { hash, randomBytes, randomUUID } from 'node:crypto';
import {
  type ApiKey,
  DEAD_LETTER_BYTES_MAX,
  EVENT_BYTES_MAX,
  OPERATOR_TENANT,
  PART_BYTES_MAX,
  parseApiKey,
  partDigest,
  shardOf,
} from '@recant/events';
import { batchMessage, createProducer, type EventProducer, type OutgoingMessage, partMessage } from '@recant/kafka';
import type { DeadLetterSummary } from '@recant/store';
import { type TestKafka, testKafka, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, SHARDS, startLedger, TENANT } from './harness.ts';
import { changed, newAction, TestSource } from './producer.ts';

let kafka: TestKafka;
let ledger: RunningLedger;
let producer: EventProducer;
beforeAll(async () => {
  kafka = await testKafka({ partitions: SHARDS });
  producer = await createProducer(kafka);
  ledger = await startLedger({ kafka: { ...kafka, groupId: `test-${randomUUID()}` } });
});
afterAll(async () => {
  expect(await ledger.audit()).toEqual([]);
  await producer.close();
  await ledger.stop();
});

const homeOf = (source: TestSource) => shardOf(TENANT, source.source, SHARDS);
const signed = (source: TestSource, bytes: Uint8Array, key: ApiKey = ledger.agentApiKey) => batchMessage(key, homeOf(source), bytes);
const settledStatus = async (action: string) => (await ledger.operator.action(action)).attempts[0]?.status;

async function deadLetterOf(bytes: Uint8Array): Promise<DeadLetterSummary & { tenant: string }> {
  return waitUntil(async () => {
    for (const tenant of [TENANT, OPERATOR_TENANT]) {
      const { deadLetters } = await ledger.store.queries.deadLetters(tenant, { limit: 1_000 });
      const found = deadLetters.find((letter) => Buffer.from(letter.bytes).equals(bytes));
      if (found) return { ...found, tenant };
    }
    return undefined;
  });
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const source = new TestSource('bad');
const good = () => source.intended().bytes;
const refusals: [string, string, () => OutgoingMessage | Promise<OutgoingMessage>][] = [
  ['malformed_json', TENANT, () => signed(source, Buffer.from('{"specversion":'))],
  ['batch_empty', TENANT, () => signed(source, new Uint8Array(0))],
  ['not_canonical', TENANT, () => signed(source, Buffer.from(text(good()).replace('{"agent"', '{ "agent"')))],
  ['not_i_json', TENANT, () => signed(source, Buffer.from(text(good()).replace('"agent":"bad"', '"agent":"bad","agent":"bad"')))],
  ['not_i_json', TENANT, () => signed(source, Buffer.from(text(good()).replace('"tool":"reprice"', '"tool":"\\u0000"')))],
  ['too_deep', TENANT, () => signed(source, Buffer.from('['.repeat(100) + ']'.repeat(100)))],
  ['too_large', TENANT, () => signed(source, Buffer.from(`{"a":"${'x'.repeat(EVENT_BYTES_MAX)}"}`))],
  ['schema_invalid', TENANT, () => signed(source, Buffer.from(text(good()).replace('"tool":"reprice"', '"tool":7')))],
  ['type_unknown', TENANT, () => signed(source, Buffer.from(text(good()).replace('attempt.intended.v1', 'attempt.imagined.v1')))],
  ['version_unknown', TENANT, () => signed(source, Buffer.from(text(good()).replace('attempt.intended.v1', 'attempt.intended.v9')))],
  ['id_mismatch', TENANT, () => signed(source, Buffer.from(text(good()).replace('.1.intended"', '.2.intended"')))],
  ['agent_not_allowed', TENANT, () => signed(source, changed(good(), { agent: 'recant' }))],
  ['source_not_allowed', TENANT, async () => signed(source, good(), await keyFor({ sourcePrefix: 'recant://elsewhere' }))],
  ['role_missing', TENANT, async () => signed(source, good(), await keyFor({ roles: ['view'] }))],
  ['unauthenticated', OPERATOR_TENANT, () => ({ ...signed(source, good()), headers: {} })],
  ['unauthenticated', OPERATOR_TENANT, () => signed(source, good(), { keyId: 'nosuchkey', secret: randomBytes(32) })],
  ['mac_invalid', OPERATOR_TENANT, () => ({ ...signed(source, good()), value: good() })],
  ['mac_invalid', OPERATOR_TENANT, () => signed(source, good(), { ...ledger.agentApiKey, secret: randomBytes(32) })],
];

async function keyFor(over: object): Promise<ApiKey> {
  return parseApiKey((await ledger.makeKey(over)).apiKey) as ApiKey;
}

test.each(refusals)(
  'I4: %s becomes a dead letter of %s with the raw bytes, and the partition goes on in order',
  async (code, tenant, make) => {
    const bad = await make();
    const { action, bytes } = source.intended();
    await producer.send([bad, signed(source, bytes), signed(source, source.settled(action))]);
    const letter = await deadLetterOf(bad.value);
    expect({ code: letter.code, tenant: letter.tenant }).toEqual({ code, tenant });
    expect(letter.origin).toMatch(new RegExp(`^kafka:${kafka.topic}/${homeOf(source)}/\\d+$`));
    expect(letter.detail).toMatch(/\w+ \w+/);
    await waitUntil(async () => (await settledStatus(action)) === 'succeeded');
  },
);

test('the same event over HTTP and Kafka is recorded once; other content under its id is an equivocation', async () => {
  const both = new TestSource('both');
  const first = both.intended();
  const receipt = await ledger.agents.submitEvent(first.bytes);
  await producer.send([signed(both, first.bytes), signed(both, first.bytes)]);
  const second = both.intended();
  await producer.send([signed(both, second.bytes)]);
  await waitUntil(async () => (await settledStatus(second.action)) === 'open');
  expect(await ledger.agents.submitEvent(second.bytes)).toMatchObject({ kind: 'duplicate' });
  expect(await ledger.agents.submitEvent(first.bytes)).toEqual({ ...receipt, kind: 'duplicate' });
  const other = both.intended({ action: first.action, tool: 'other' }).bytes;
  await producer.send([signed(both, other)]);
  expect((await deadLetterOf(other)).code).toBe('equivocation');
  const another = both.intended({ action: second.action, tool: 'another' }).bytes;
  await expect(ledger.agents.submitEvent(another)).rejects.toMatchObject({ code: 'equivocation', status: 409 });
  expect((await deadLetterOf(another)).origin).toBe('http');
});

test('parts arrive before their event; a part with a wrong digest is a dead letter', async () => {
  const salt = randomBytes(16);
  const bytes = randomBytes(100_000);
  const digest = partDigest(salt, bytes);
  const part = { digest, salt: salt.toString('base64url'), bytes };
  const wrong = { ...part, bytes: randomBytes(50) };
  const large = { ...part, bytes: randomBytes(PART_BYTES_MAX + 1) };
  const key = ledger.agentApiKey;
  await producer.send([partMessage(key, 0, part), partMessage(key, 0, wrong), partMessage(key, 0, part), partMessage(key, 0, large)]);
  expect((await deadLetterOf(wrong.bytes)).code).toBe('id_mismatch');
  const kept = await deadLetterOf(large.bytes.subarray(0, DEAD_LETTER_BYTES_MAX));
  expect(kept.code).toBe('too_large');
  expect(kept.detail).toContain(`Of ${large.bytes.length} bytes (SHA-256 ${hash('sha256', large.bytes)})`);
  expect(Buffer.from((await ledger.store.parts.get(TENANT, digest))?.bytes ?? [])).toEqual(bytes);
});

test('the parts of a batch are stored together, not in a commit each', async () => {
  const parts = Array.from({ length: 300 }, () => {
    const [salt, bytes] = [randomBytes(16), randomBytes(200)];
    return { digest: partDigest(salt, bytes), salt: salt.toString('base64url'), bytes };
  });
  await producer.send(parts.map((part) => partMessage(ledger.agentApiKey, 1, part)));
  // Rows of one transaction have the same xmin.
  const STORED = 'SELECT count(*)::int AS parts, count(DISTINCT xmin::text)::int AS commits FROM recant.part WHERE digest = ANY ($1)';
  const digests = parts.map(({ digest }) => Buffer.from(digest, 'hex'));
  const stored = await waitUntil(async () => {
    const [row] = (await ledger.store.pool.query(STORED, [digests])).rows as { parts: number; commits: number }[];
    return row?.parts === parts.length ? row : undefined;
  });
  expect(stored.commits).toBeLessThanOrEqual(3);
});

test('many sources over all partitions arrive exactly once, each in order', async () => {
  const sources = Array.from({ length: 12 }, () => new TestSource('many'));
  const attempts = Array.from({ length: 240 }, (_, n) => ({ source: sources[n % 12] as TestSource, n }));
  const messages = attempts.flatMap(({ source: each, n }) =>
    each.attempt([`postgres://shop/public.many/${n}`]).events.map((bytes) => signed(each, bytes)),
  );
  await producer.send(messages);
  await producer.send(messages.slice(0, 100));
  const names = sources.map((each) => each.source);
  const ENTRIES = `SELECT s.source, e.sequence::int FROM recant.entry e JOIN recant.source s USING (tenant_id, source_no)
    WHERE s.source = ANY ($1) ORDER BY e.shard, e.idx`;
  const rows = await waitUntil(async () => {
    const found = (await ledger.store.pool.query(ENTRIES, [names])).rows as { source: string; sequence: number }[];
    return found.length >= messages.length ? found : undefined;
  });
  for (const name of names)
    expect(rows.filter((row) => row.source === name).map((row) => row.sequence)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
});

test('a restarted ledger resumes at the stored position and records nothing twice', async () => {
  const mine = await testKafka({ partitions: SHARDS });
  const to = await createProducer(mine);
  const lane = new TestSource('restarted');
  const attempts = Array.from({ length: 40 }, () => lane.attempt(['postgres://shop/public.r/1']));
  const send = (some: typeof attempts) => to.send(some.flatMap(({ events }) => events.map((bytes) => signed(lane, bytes, key))));
  const groupId = `test-${randomUUID()}`;
  const masterKey = randomBytes(32);
  const database = await testLedgerDatabase();
  const first = await startLedger({ kafka: { ...mine, groupId }, databaseUrl: database.url, masterKey });
  const key = first.agentApiKey;
  await send(attempts.slice(0, 20));
  const isThere = (running: RunningLedger, n: number) => async () =>
    (await running.operator.action((attempts[n] as { action: string }).action)).attempts[0]?.complete;
  await waitUntil(isThere(first, 19));
  await first.stop();
  await send(attempts.slice(20));
  const second = await startLedger({ kafka: { ...mine, groupId }, databaseUrl: database.url, masterKey });
  await waitUntil(isThere(second, 39));
  const positions = await second.store.positions.read(mine.topic);
  expect(positions.reduce((sum, { next }) => sum + next, 0n)).toBe(120n);
  expect((await second.operator.attempts({ agent: ['restarted'] }, { limit: 500 })).items).toHaveLength(40);
  expect((await second.operator.deadLetters()).items).toEqual([]);
  expect(await second.audit()).toEqual([]);
  await to.close();
  await second.stop();
  await database.drop();
});

test('an action with only refused events is unknown', async () => {
  await expect(ledger.operator.action(newAction())).rejects.toMatchObject({ code: 'action_unknown' });
});
