import { randomBytes, randomUUID } from 'node:crypto';
import { type ApiKey, decodeEvent, HEADER_KEY, HEADER_MAC, OPERATOR_TENANT, parseApiKey, shardOf } from '@recant/events';
import { batchMessage, createProducer, type EventProducer, type OutgoingMessage } from '@recant/kafka';
import { decodeFrame } from '@recant/ledger';
import { type DeadLetterSummary, type NewCredential, withSnapshot } from '@recant/store';
import { type TestKafka, testKafka, waitUntil } from '@recant/test-support';
import { auditTenant } from '@recant/verifier';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, SHARDS, startLedger, TENANT } from './harness.ts';
import { changed, TestSource } from './producer.ts';

/** A tenant on the same topic. */
const RIVAL = 'rival';
const CODES = ['unauthenticated', 'mac_invalid', 'source_not_allowed', 'agent_not_allowed', 'role_missing'];

let kafka: TestKafka;
let ledger: RunningLedger;
let producer: EventProducer;
let victim: ApiKey;
let attacker: ApiKey;
let rival: ApiKey;
const source = new TestSource('victim');
/** All events that the victim sent. */
const sent: Uint8Array[] = [];
/** A message as captured by a reader of the topic. */
let captured: OutgoingMessage;

beforeAll(async () => {
  kafka = await testKafka({ partitions: SHARDS });
  producer = await createProducer(kafka);
  ledger = await startLedger({ kafka: { ...kafka, groupId: `test-${randomUUID()}` } });
  victim = await keyOf({ sourcePrefix: 'recant://victim', agents: ['victim'] });
  attacker = await keyOf({ sourcePrefix: 'recant://attacker', agents: ['attacker'] });
  rival = await keyOf({ tenant: RIVAL, sourcePrefix: 'recant://rival', agents: ['*'] });
  captured = await speak();
});
afterAll(async () => {
  expect(await ledger.audit()).toEqual([]);
  await ledger.store.projection.reach(RIVAL);
  expect(await withSnapshot(ledger.store.pool, RIVAL, (snapshot) => auditTenant(RIVAL, snapshot))).toEqual([]);
  await producer.close();
  await ledger.stop();
});

async function keyOf(over: Partial<NewCredential>): Promise<ApiKey> {
  return parseApiKey((await ledger.makeKey(over)).apiKey) as ApiKey;
}

const HOME = shardOf(TENANT, source.source, SHARDS);
const signed = (key: ApiKey, bytes: Uint8Array) => batchMessage(key, HOME, bytes);
const flipped = (bytes: Uint8Array, bit: number) => bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

/** Waits until the victim's next event is recorded, so that all earlier messages of the partition are processed. */
async function speak(): Promise<OutgoingMessage> {
  const { action, bytes } = source.intended();
  const message = signed(victim, bytes);
  await producer.send([message]);
  await waitUntil(async () => (await ledger.operator.action(action)).attempts.length === 1);
  sent.push(bytes);
  return message;
}

async function deadLetters(tenant: string): Promise<readonly DeadLetterSummary[]> {
  return (await ledger.store.queries.deadLetters(tenant, { limit: 1_000, codes: CODES })).deadLetters;
}

/** Events in the victim's name or from its sources, and frames under its key, in all tenants' logs. */
async function underTheVictimsName(): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const tenant of [TENANT, RIVAL, OPERATOR_TENANT])
    await withSnapshot(ledger.store.pool, tenant, async (snapshot) => {
      for await (const { frame } of snapshot.entries()) {
        const { kind, keyId, body } = decodeFrame(frame) as NonNullable<ReturnType<typeof decodeFrame>>;
        const event = kind === 'event' ? decodeEvent(body) : undefined;
        const ofVictim = event?.ok && (event.event.agent === 'victim' || event.event.source === source.source);
        if (ofVictim || keyId === victim.keyId) found.push(new Uint8Array(body));
      }
    });
  return found;
}

interface Forgery {
  readonly code: string;
  readonly tenant: string;
  /** Key that the dead letter is attributed to. */
  readonly key: () => string;
  readonly make: () => OutgoingMessage;
}
const nobody = { tenant: OPERATOR_TENANT, key: () => '' };
const withHeaders = (headers: Record<string, string>): OutgoingMessage => ({ ...captured, headers });

test.each<[string, Forgery]>([
  ['no header at all', { ...nobody, code: 'unauthenticated', make: () => withHeaders({}) }],
  ['the victim’s key id and no HMAC', { ...nobody, code: 'unauthenticated', make: () => withHeaders({ [HEADER_KEY]: victim.keyId }) }],
  [
    'an HMAC and no key id',
    { ...nobody, code: 'unauthenticated', make: () => withHeaders({ [HEADER_MAC]: captured.headers[HEADER_MAC] as string }) },
  ],
  [
    'a key that never was',
    { ...nobody, code: 'unauthenticated', make: () => signed({ keyId: 'nosuchkey', secret: randomBytes(32) }, sent[0] as Uint8Array) },
  ],
  [
    'the victim’s key id with the HMAC of the attacker’s key',
    {
      ...nobody,
      code: 'mac_invalid',
      make: () => withHeaders({ ...signed(attacker, captured.value).headers, [HEADER_KEY]: victim.keyId }),
    },
  ],
  [
    'the victim’s key id with the HMAC of another tenant’s key',
    { ...nobody, code: 'mac_invalid', make: () => withHeaders({ ...signed(rival, captured.value).headers, [HEADER_KEY]: victim.keyId }) },
  ],
  [
    'new bytes in the victim’s name with a captured HMAC',
    { ...nobody, code: 'mac_invalid', make: () => ({ ...captured, value: source.intended().bytes }) },
  ],
  [
    'captured bytes under another source with their captured HMAC',
    { ...nobody, code: 'mac_invalid', make: () => ({ ...captured, value: changed(captured.value, { source: 'recant://attacker/1' }) }) },
  ],
  [
    'captured bytes signed by another key of the tenant',
    { code: 'source_not_allowed', tenant: TENANT, key: () => attacker.keyId, make: () => signed(attacker, captured.value) },
  ],
  [
    'captured bytes signed by another tenant’s key',
    { code: 'source_not_allowed', tenant: RIVAL, key: () => rival.keyId, make: () => signed(rival, captured.value) },
  ],
  [
    'captured bytes replayed under the attacker’s own source and key',
    {
      code: 'agent_not_allowed',
      tenant: TENANT,
      key: () => attacker.keyId,
      make: () => signed(attacker, changed(captured.value, { source: 'recant://attacker/1' })),
    },
  ],
  [
    'what a database observed, signed by an agent’s own key from its own source',
    {
      code: 'role_missing',
      tenant: TENANT,
      key: () => attacker.keyId,
      make: () => signed(attacker, new TestSource('attacker').observed()),
    },
  ],
])('%s: a dead letter in its tenant, an alarm, nothing in the victim’s name, and the partition continues', async (_, forgery) => {
  const before = await deadLetters(forgery.tenant);
  const others = [TENANT, RIVAL, OPERATOR_TENANT].filter((tenant) => tenant !== forgery.tenant);
  const elsewhere = await Promise.all(others.map(deadLetters));
  const alarms = ledger.log.filter(({ alarm }) => alarm === 'forged_event').length;
  const message = forgery.make();
  await producer.send([message]);
  await speak();
  const letters = (await deadLetters(forgery.tenant)).filter(({ origin }) => !before.some((one) => one.origin === origin));
  expect(letters).toMatchObject([{ code: forgery.code, keyId: forgery.key(), bytes: new Uint8Array(message.value) }]);
  expect(await Promise.all(others.map(deadLetters))).toEqual(elsewhere);
  const [letter] = letters as [DeadLetterSummary];
  expect(ledger.log.filter(({ alarm }) => alarm === 'forged_event').slice(alarms)).toMatchObject([
    { level: 40, codes: { [forgery.code]: 1 }, first: { origin: letter.origin, shard: letter.shard, index: Number(letter.index) } },
  ]);
  expect(await underTheVictimsName()).toEqual(sent.map((bytes) => new Uint8Array(bytes)));
});

test('a replayed message is a duplicate in every partition and adds nothing', async () => {
  const sizes = async () => (await ledger.operator.logs()).map(({ shard, size }) => [shard, size]);
  await speak();
  const [letters, before] = [await deadLetters(TENANT), await sizes()];
  const read = await positions();
  await producer.send(Array.from({ length: SHARDS }, (_, partition) => ({ ...captured, partition })));
  await waitUntil(async () => (await positions()).every((next, partition) => next > (read[partition] as bigint)));
  expect([await deadLetters(TENANT), await sizes()]).toEqual([letters, before]);
  expect(await underTheVictimsName()).toEqual(sent.map((bytes) => new Uint8Array(bytes)));
});

/** Next offset to read, by partition. */
async function positions(): Promise<bigint[]> {
  const stored = await ledger.store.positions.read(kafka.topic);
  return Array.from({ length: SHARDS }, (_, partition) => stored.find((one) => one.partition === partition)?.next ?? 0n);
}

test('any flipped bit in bytes, HMAC or key id makes a dead letter without a sender', async () => {
  const bits = Array.from({ length: 24 }, (_, n) => Math.floor((n * captured.value.length * 8) / 24));
  const ofBytes = bits.map((bit) => ({ ...captured, value: flipped(captured.value, bit) }));
  const mac = Buffer.from(captured.headers[HEADER_MAC] as string, 'base64url');
  const ofMac = Array.from({ length: 8 }, (_, n) =>
    withHeaders({ ...captured.headers, [HEADER_MAC]: Buffer.from(flipped(mac, n * 32)).toString('base64url') }),
  );
  const keyIds = [`${victim.keyId.slice(0, -1)}${victim.keyId.endsWith('0') ? '1' : '0'}`, victim.keyId.toUpperCase(), '', '../../etc'];
  const ofKey = keyIds.map((keyId) => withHeaders({ ...captured.headers, [HEADER_KEY]: keyId }));
  const before = (await deadLetters(OPERATOR_TENANT)).length;
  await producer.send([...ofBytes, ...ofMac, ...ofKey]);
  await speak();
  const letters = (await deadLetters(OPERATOR_TENANT)).slice(before);
  const codes = Map.groupBy(letters, ({ code }) => code);
  expect([codes.get('mac_invalid')?.length, codes.get('unauthenticated')?.length]).toEqual([ofBytes.length + ofMac.length, ofKey.length]);
  expect(letters.every(({ keyId }) => keyId === '')).toBe(true);
  expect(await underTheVictimsName()).toEqual(sent.map((bytes) => new Uint8Array(bytes)));
});

test('forgeries are listed by code, to the tenant of their log only', async () => {
  const rivals = await keyOf({ tenant: RIVAL, roles: ['view'], agents: [] });
  const asRival = ledger.client(`recant_${rivals.keyId}_${Buffer.from(rivals.secret).toString('base64url')}`);
  const { items } = await ledger.operator.deadLetters({ code: ['source_not_allowed'] });
  expect(items.map(({ key }) => key)).toEqual([attacker.keyId]);
  expect((await ledger.operator.deadLetters({ code: ['mac_invalid', 'unauthenticated'] })).items).toEqual([]);
  expect((await asRival.deadLetters({ code: CODES })).items.map(({ code, key }) => [code, key])).toEqual([
    ['source_not_allowed', rival.keyId],
  ]);
});
