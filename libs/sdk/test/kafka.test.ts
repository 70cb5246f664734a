import { decodeEvent, formatApiKey, macSecretOf, messageMac, partDigest, shardOf, splitBatch } from '@recant/events';
import { testKafka, waitUntil } from '@recant/test-support';
import { type EachMessagePayload, Kafka, logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import { createRecant } from '../src/index.ts';
import { kafkaTransport } from '../src/kafka/index.ts';
import { memorySystem } from './systems.ts';

const key = { keyId: 'bot1', secret: new Uint8Array(32).fill(9) };
const apiKey = formatApiKey(key);
const PARTITIONS = 4;

test('messages are signed batches, in the source’s partition, in order, parts before the event that references them', async () => {
  const { brokers, topic } = await testKafka({ partitions: PARTITIONS });
  const shop = memorySystem('shop');
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const transport = kafkaTransport({ brokers, topic, apiKey, tenant: 'acme', shards: PARTITIONS });
  const recant = createRecant({ agent: 'bot', systems: [shop], transport, trace: () => ({ traceparent }) });
  await recant.open();
  await recant.action('fill', { text: 'x'.repeat(400_000) }, async (ctx) => {
    // Over two megabytes of effects: more than fits in one request to the broker.
    for (let n = 0; n < 12_000; n += 1) await ctx.on(shop).write(`k${n}`);
  });
  await recant.close();

  const messages = await readUntil(brokers, topic, ({ message }) => String(message.value).includes('recant.source.closed.v1'));
  expect(new Set(messages.map(({ partition }) => partition))).toEqual(new Set([shardOf('acme', recant.source, PARTITIONS)]));
  let sequence = 0;
  const kinds: string[] = [];
  const sizes: number[] = [];
  for (const { message } of messages) {
    const value = new Uint8Array(message.value as Buffer);
    const headers = Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, header]) => [name, String(header)]));
    const kind = headers['recant-kind'] as string;
    expect([headers['recant-key'], headers['recant-mac']]).toEqual(['bot1', messageMac(macSecretOf(key.secret), kind, value)]);
    if (kind === 'part') {
      expect(partDigest(Buffer.from(headers['recant-salt'] as string, 'base64url'), value)).toBe(headers['recant-part']);
      kinds.push('part');
      continue;
    }
    const split = splitBatch(value);
    if (kind !== 'events' || !split.ok) throw new Error(`no batch: ${kind}`);
    sizes.push(split.events.length);
    for (const bytes of split.events) {
      const decoded = decodeEvent(bytes);
      if (!decoded.ok) throw new Error(decoded.detail);
      sequence += 1;
      expect(Number(decoded.event.sequence)).toBe(sequence);
      expect(headers.traceparent).toBe(split.events.length > 1 ? undefined : decoded.event.traceparent);
      kinds.push(decoded.event.type.split('.')[2] as string);
    }
  }
  // What waited while a request was under way is one message.
  expect([sizes[0], Math.max(...sizes) > 1]).toEqual([1, true]);
  expect(kinds.filter((kind, index) => kind !== kinds[index - 1])).toEqual(['opened', 'part', 'intended', 'effects', 'settled', 'closed']);
});

test('the key can be replaced between two requests: later messages are signed with the new one', async () => {
  const { brokers, topic } = await testKafka({ partitions: PARTITIONS });
  const keys = [key, { keyId: 'bot2', secret: new Uint8Array(32).fill(8) }] as const;
  let current = 0;
  const transport = kafkaTransport({
    brokers,
    topic,
    apiKey: async () => formatApiKey(keys[current] ?? key),
    tenant: 'acme',
    shards: PARTITIONS,
  });
  const recant = createRecant({ agent: 'bot', transport });
  await recant.open();
  await recant.action('first', {}, () => {
    current = 1;
  });
  await recant.close();
  const messages = await readUntil(brokers, topic, ({ message }) => String(message.value).includes('recant.source.closed.v1'));
  const signers = messages.map(({ message }) => {
    const value = new Uint8Array(message.value as Buffer);
    const by = keys.find(({ keyId }) => keyId === String(message.headers?.['recant-key'])) ?? key;
    expect(String(message.headers?.['recant-mac'])).toBe(messageMac(macSecretOf(by.secret), 'events', value));
    return by.keyId;
  });
  expect([signers[0], signers.at(-1)]).toEqual(['bot1', 'bot2']);
  expect(signers.lastIndexOf('bot1')).toBeLessThan(signers.indexOf('bot2'));
});

test('an unreachable broker is reported as ledger_unavailable', async () => {
  const recant = createRecant({ agent: 'bot', transport: kafkaTransport({ brokers: ['127.0.0.1:1'], apiKey }), ackTimeoutMs: 1_500 });
  await expect(recant.open()).rejects.toMatchObject({ code: 'ledger_unavailable', cause: { name: 'TransportError' } });
  await recant.close();
});

test.each([
  { brokers: [], apiKey },
  { brokers: ['a:1'], apiKey: 'nothing' },
])('options %o are refused', (options) => {
  expect(() => kafkaTransport(options)).toThrow(expect.objectContaining({ code: 'options_invalid' }));
});

async function readUntil(brokers: string[], topic: string, last: (payload: EachMessagePayload) => boolean): Promise<EachMessagePayload[]> {
  const consumer = new Kafka({ clientId: 'test', brokers, logLevel: logLevel.NOTHING }).consumer({ groupId: `read-${topic}` });
  const seen: EachMessagePayload[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachMessage: async (payload) => void seen.push(payload) });
    await waitUntil(() => seen.some(last));
  } finally {
    await consumer.disconnect();
  }
  return seen;
}
