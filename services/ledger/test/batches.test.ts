import { randomBytes, randomUUID } from 'node:crypto';
import {
  type ApiKey,
  BATCH_EVENTS_MAX,
  canonicalize,
  DEAD_LETTER_BYTES_MAX,
  type Effect,
  EVENT_BYTES_MAX,
  type EventOf,
  encodeEvent,
  formatApiKey,
  HEADER_KEY,
  HEADER_KIND,
  HEADER_MAC,
  joinBatch,
  KIND_EVENTS,
  MEDIA_TYPE_BATCH,
  macSecretOf,
  messageMac,
  OPERATOR_TENANT,
  parseApiKey,
  partDigest,
  shardOf,
} from '@recant/events';
import { batchMessage, createProducer, type EventProducer, type OutgoingMessage, partMessage } from '@recant/kafka';
import { type TestKafka, testKafka, waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

const HOME = 2;
/** A source with this home shard. */
function sourceAt(shard = HOME): TestSource {
  for (let source = new TestSource('bot'); ; source = new TestSource('bot'))
    if (shardOf(TENANT, source.source, SHARDS) === shard) return source;
}
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const lines = (...each: (Uint8Array | string)[]) => Buffer.from(each.map((one) => (typeof one === 'string' ? one : text(one))).join('\n'));
const events = (source: TestSource, count: number) => Array.from({ length: count }, () => source.intended().bytes);

const NUMBERS = `SELECT e.sequence::int AS n FROM recant.entry e JOIN recant.source s USING (tenant_id, source_no) WHERE s.source = $1 ORDER BY e.idx`;
const numbersOf = async ({ source }: TestSource) => (await ledger.store.pool.query(NUMBERS, [source])).rows.map(({ n }) => n as number);
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

async function lettersOf(tenant: string) {
  return (await ledger.store.queries.deadLetters(tenant, { limit: 1_000 })).deadLetters;
}
/** Sends to the home partition and waits for what follows in it. @returns the new dead letters, and the offset of the first message */
async function sendAll(messages: readonly OutgoingMessage[], partition = HOME) {
  const before = [...(await lettersOf(TENANT)), ...(await lettersOf(OPERATOR_TENANT))].map(({ origin }) => origin);
  const next = async () => (await ledger.store.positions.read(kafka.topic)).find((one) => one.partition === partition)?.next ?? 0n;
  const first = await next();
  await producer.send(messages);
  await waitUntil(async () => (await next()) === first + BigInt(messages.length));
  const isNew = ({ origin }: { origin: string }) => !before.includes(origin);
  const letters = (await lettersOf(TENANT)).filter(isNew);
  return { letters, unidentified: (await lettersOf(OPERATOR_TENANT)).filter(isNew), offset: first };
}
const signed = (batch: Uint8Array, key: ApiKey = ledger.agentApiKey) => batchMessage(key, HOME, batch);
const post = (body: Uint8Array) => ledger.post(body, { type: MEDIA_TYPE_BATCH });

/** The event with as many effects, and as long a resource, as fit. */
function longestOf(effects: Uint8Array): Uint8Array {
  const event = JSON.parse(text(effects)) as EventOf<'recant.attempt.effects.v1'>;
  const [effect] = event.data.effects as [Effect];
  const sizeOf = (all: readonly Effect[]) => Buffer.byteLength(canonicalize({ ...event, data: { ...event.data, effects: all } } as never));
  const all = [effect];
  while (sizeOf([...all, effect]) <= EVENT_BYTES_MAX) all.push({ ...effect, ordinal: '2' });
  all[0] = { ...effect, resource: `${effect.resource}${'0'.repeat(EVENT_BYTES_MAX - sizeOf(all))}` };
  return encodeEvent({ ...event, data: { ...event.data, effects: all } });
}

const good = () => sourceAt().intended().bytes;
const shapes: [string, () => Uint8Array | string][] = [
  ['malformed_json', () => ''],
  ['malformed_json', () => '{"specversion":'],
  ['malformed_json', () => Buffer.from([0xff, 0xfe, 0x00])],
  ['malformed_json', () => `\uFEFF${text(good())}`],
  ['not_canonical', () => `${text(good())}\r`],
  ['not_canonical', () => ` ${text(good())}`],
  ['not_i_json', () => text(good()).replace('"agent":"bot"', '"agent":"bot","agent":"bot"')],
  ['not_i_json', () => text(good()).replace('"tool":"reprice"', '"tool":"\\u0000"')],
  ['too_deep', () => '['.repeat(1_000) + ']'.repeat(1_000)],
  ['too_large', () => `{"a":"${'x'.repeat(EVENT_BYTES_MAX)}"}`],
  ['schema_invalid', () => `[${text(good())},${text(good())}]`],
  ['schema_invalid', () => text(good()).replace('"tool":"reprice"', '"tool":7')],
  ['type_unknown', () => text(good()).replace('attempt.intended.v1', 'attempt.imagined.v1')],
  ['version_unknown', () => text(good()).replace('attempt.intended.v1', 'attempt.intended.v9')],
  ['id_mismatch', () => text(good()).replace('.1.intended"', '.2.intended"')],
  ['agent_not_allowed', () => changed(good(), { agent: 'recant' })],
];

describe('a bad line of a batch does not affect the others', () => {
  test.each(shapes)('I4: over Kafka, %s: a dead letter that names message and line', async (code, make) => {
    const source = sourceAt();
    const [first, last] = events(source, 2) as [Uint8Array, Uint8Array];
    const bad = make();
    const { letters, unidentified, offset } = await sendAll([
      signed(Buffer.concat([first, Buffer.from('\n'), Buffer.from(bad as string), Buffer.from('\n'), last])),
    ]);
    expect(unidentified).toEqual([]);
    expect(letters).toMatchObject([{ code, origin: `kafka:${kafka.topic}/${HOME}/${offset}#2`, keyId: ledger.agentApiKey.keyId }]);
    const kept = Buffer.from(bad as string);
    expect(Buffer.from(letters[0]?.bytes ?? [])).toEqual(kept.subarray(0, DEAD_LETTER_BYTES_MAX));
    expect(await numbersOf(source)).toEqual([1, 2]);
  });

  test.each(shapes)('over HTTP, %s: a receipt for each line', async (code, make) => {
    const source = sourceAt();
    const [first, last] = events(source, 2) as [Uint8Array, Uint8Array];
    const bad = Buffer.from(make() as string);
    const { status, body } = await post(Buffer.concat([first, Buffer.from('\n'), bad, Buffer.from('\n'), last, Buffer.from('\n')]));
    expect(status).toBe(200);
    expect(body.receipts).toMatchObject([{ kind: 'appended' }, { kind: 'refused', code }, { kind: 'appended' }]);
    expect(await numbersOf(source)).toEqual([1, 2]);
  });
});

test('what is no batch is refused as a whole, over Kafka as one dead letter', async () => {
  const many = Buffer.from('{}\n'.repeat(BATCH_EVENTS_MAX + 1));
  const cases: [string, number, Uint8Array][] = [
    ['batch_empty', 400, new Uint8Array(0)],
    ['batch_empty', 400, Buffer.from('\n')],
    ['batch_too_long', 413, many],
    ['batch_too_long', 413, Buffer.alloc(800_000, '\n')],
  ];
  for (const [code, status, value] of cases) {
    expect(await post(value)).toMatchObject({ status, body: { code } });
    const { letters, offset } = await sendAll([signed(value)]);
    expect(letters).toMatchObject([{ code, origin: `kafka:${kafka.topic}/${HOME}/${offset}` }]);
    expect(Buffer.from(letters[0]?.bytes ?? [])).toEqual(Buffer.from(value).subarray(0, DEAD_LETTER_BYTES_MAX));
  }
});

test('as many events as a batch may have, and lines as long as they may be, are recorded', async () => {
  const source = sourceAt();
  const action = newAction();
  const longest = longestOf(source.effects(action, ['postgres://shop/public.orders/1'], 0));
  expect(longest.length).toBe(EVENT_BYTES_MAX);
  const batch = joinBatch([longest, ...Array.from({ length: BATCH_EVENTS_MAX - 1 }, (_, n) => source.effects(action, [], n + 1))]);
  const { letters } = await sendAll([signed(batch)]);
  expect(letters).toEqual([]);
  expect(await numbersOf(source)).toEqual(upTo(BATCH_EVENTS_MAX));
  const again = await post(batch);
  expect(again.status).toBe(200);
  expect(new Set((again.body.receipts as { kind: string }[]).map(({ kind }) => kind))).toEqual(new Set(['duplicate']));
});

test('several full messages of one fetch are recorded in transactions of bounded size', async () => {
  const source = sourceAt();
  const batches = [900, 900, 900, 1].map((count) => joinBatch(events(source, count)));
  const { letters } = await sendAll(batches.map((batch) => signed(batch)));
  expect(letters).toEqual([]);
  expect(await numbersOf(source)).toEqual(upTo(2_701));
});

test('I2: a batch that repeats part of another adds only what is new, over both ways, in order', async () => {
  const source = sourceAt();
  const [a, b, c, d, e] = events(source, 5) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const { letters } = await sendAll([signed(joinBatch([a, b])), signed(joinBatch([a, b, c])), signed(joinBatch([b, c, c, d]))]);
  expect(letters).toEqual([]);
  expect(await numbersOf(source)).toEqual([1, 2, 3, 4]);
  const { body } = await post(joinBatch([d, e, e]));
  expect((body.receipts as { kind: string }[]).map(({ kind }) => kind)).toEqual(['duplicate', 'appended', 'duplicate']);
  const other = changed(e, { time: '2029-01-01T00:00:00.000Z' });
  const equivocal = await sendAll([signed(joinBatch([d, other]))]);
  expect(equivocal.letters).toMatchObject([{ code: 'equivocation', origin: expect.stringMatching(/#2$/) }]);
  expect(await numbersOf(source)).toEqual([1, 2, 3, 4, 5]);
});

test('the events of another home shard are refused with all their bytes, and are recorded in a batch of their own', async () => {
  const [home, other] = [sourceAt(HOME), sourceAt(HOME + 1)];
  const [first, foreign, last] = [home.intended().bytes, other.intended().bytes, home.intended().bytes];
  const mixed = joinBatch([first, foreign, last]);
  const { letters, offset } = await sendAll([signed(mixed)]);
  expect(letters).toMatchObject([
    { code: 'shard_mismatch', bytes: new Uint8Array(foreign), origin: expect.stringMatching(new RegExp(`/${offset}#2$`)) },
  ]);
  expect(letters[0]?.detail).toContain(other.source);
  expect([await numbersOf(home), await numbersOf(other)]).toEqual([[1, 2], []]);
  const { status, body } = await post(mixed);
  expect([status, body.receipts]).toMatchObject([
    200,
    [{ kind: 'duplicate' }, { kind: 'refused', code: 'shard_mismatch' }, { kind: 'duplicate' }],
  ]);
  expect(await ledger.agents.submitEvent(foreign)).toMatchObject({ kind: 'appended', shard: HOME + 1 });
});

test('the first event that is valid decides the shard', async () => {
  const source = sourceAt();
  const { letters } = await sendAll([
    signed(lines('nonsense', changed(sourceAt(HOME + 1).intended().bytes, { agent: 'recant' }), source.intended().bytes)),
  ]);
  expect(letters.map(({ code }) => code).sort()).toEqual(['agent_not_allowed', 'malformed_json']);
  expect(await numbersOf(source)).toEqual([1]);
});

test('a batch with a wrong MAC is one dead letter of the operator, and none of it is recorded', async () => {
  const source = sourceAt();
  const batch = joinBatch(events(source, 200));
  const message = signed(batch);
  const cut = { ...message, value: batch.subarray(0, batch.length - 2) };
  const more = { ...message, value: Buffer.concat([batch, Buffer.from('\n')]) };
  const { letters, unidentified } = await sendAll([
    { ...message, headers: { ...message.headers, [HEADER_MAC]: randomBytes(32).toString('base64url') } },
    cut,
    more,
  ]);
  expect(letters).toEqual([]);
  expect(unidentified.map(({ code }) => code)).toEqual(['mac_invalid', 'mac_invalid', 'mac_invalid']);
  for (const { bytes, detail } of unidentified) {
    expect(Buffer.from(bytes)).toEqual(Buffer.from(batch).subarray(0, DEAD_LETTER_BYTES_MAX));
    expect(detail).toMatch(/Of \d+ bytes \(SHA-256 [0-9a-f]{64}\)/);
  }
  expect(await numbersOf(source)).toEqual([]);
});

test('a part whose bytes are events is never recorded as events, nor the other way round', async () => {
  const source = sourceAt();
  const bytes = joinBatch(events(source, 2));
  const salt = randomBytes(16);
  const digest = partDigest(salt, bytes);
  const part = partMessage(ledger.agentApiKey, HOME, { digest, salt: salt.toString('base64url'), bytes });
  const asEvents = { ...part, headers: { ...part.headers, [HEADER_KIND]: KIND_EVENTS } };
  const { [HEADER_KIND]: _, ...bare } = part.headers;
  const batch = signed(bytes);
  const asPart = { ...batch, headers: { ...part.headers, [HEADER_MAC]: batch.headers[HEADER_MAC] as string } };
  const { letters, unidentified } = await sendAll([part, asEvents, { ...part, headers: bare }, asPart]);
  expect(letters).toEqual([]);
  expect(unidentified.map(({ code }) => code).sort()).toEqual(['mac_invalid', 'mac_invalid', 'unauthenticated']);
  expect(await numbersOf(source)).toEqual([]);
  expect(Buffer.from((await ledger.store.parts.get(TENANT, digest))?.bytes ?? [])).toEqual(Buffer.from(bytes));
});

test('an authentic message of an unknown kind is a dead letter of its tenant; a kind that is none has no sender', async () => {
  const value = good();
  const { keyId, secret } = ledger.agentApiKey;
  const of = (kind: string): OutgoingMessage => ({
    partition: HOME,
    value,
    headers: { [HEADER_KEY]: keyId, [HEADER_KIND]: kind, [HEADER_MAC]: messageMac(macSecretOf(secret), kind, value) },
  });
  const { letters, unidentified } = await sendAll([of('events.v2'), of('events\n{}')]);
  expect(letters).toMatchObject([{ code: 'type_unknown', keyId }]);
  expect(unidentified).toMatchObject([{ code: 'mac_invalid', keyId: '' }]);
});

test('the events of a batch under a revoked key are kept one by one, complete', async () => {
  const { apiKey, credential } = await ledger.makeKey();
  const key = parseApiKey(apiKey) as ApiKey;
  expect(formatApiKey(key)).toBe(apiKey);
  await ledger.store.credentials.revoke(TENANT, credential.keyId);
  const source = sourceAt();
  const sent = events(source, 100);
  const { letters, offset } = await sendAll([signed(joinBatch(sent), key)]);
  expect(letters.map(({ bytes }) => text(bytes))).toEqual(sent.map(text));
  expect(letters.map(({ code, origin }) => `${code} ${origin}`)).toEqual(
    sent.map((_, n) => `unauthenticated kafka:${kafka.topic}/${HOME}/${offset}#${n + 1}`),
  );
  expect(await numbersOf(source)).toEqual([]);
});
