import { BATCH_EVENTS_MAX, formatApiKey, joinBatch, KAFKA_REQUEST_BYTES_MAX, splitBatch } from '@recant/events';
import { testKafka } from '@recant/test-support';
import fc from 'fast-check';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import { kafkaTransport } from '../src/kafka/index.ts';
import { messageOf, packed, requestsOf } from '../src/kafka/messages.ts';
import type { Outgoing } from '../src/transport.ts';

const secret = new Uint8Array(32).fill(9);
const part = { digest: '0'.repeat(64), salt: 'A'.repeat(22) };
/** The home shard of the sources here is their number. */
const shardOf = (source: string) => Number(source);

test('what waits is packed in order: events of one home shard together, parts alone, requests within their bound', () => {
  const item = fc.record({
    size: fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.constant(65_000), fc.constant(524_288)),
    source: fc.integer({ min: 0, max: 2 }),
    isPart: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(item, { maxLength: 60 }), (shapes) => {
      const items = shapes.map(({ size, source, isPart }): Outgoing => {
        // A part may be as large as it is, an event is at most 65,000 bytes.
        const bytes = new Uint8Array(isPart ? size : Math.min(size, 65_000)).fill(0x61);
        return { bytes, source: String(source), ...(isPart ? { part } : {}) };
      });
      const messages = packed(items, shardOf);
      expect(messages.flat()).toEqual(items);
      for (const message of messages) {
        expect(new Set(message.map(({ source }) => source)).size).toBe(1);
        if (message.length > 1) expect(message.every((one) => one.part === undefined)).toBe(true);
      }
      const requests = [...requestsOf(messages)];
      expect(requests.flat()).toEqual(messages);
      for (const request of requests)
        expect(request.reduce((sum, message) => sum + (messageOf('k', secret, message).value?.length ?? 0), 0)).toBeLessThan(
          KAFKA_REQUEST_BYTES_MAX,
        );
    }),
    { numRuns: 30 },
  );
});

test('a message has at most as many events as a batch may have, and the bytes of one event are its value', () => {
  const items = Array.from({ length: BATCH_EVENTS_MAX + 1 }, (_, n): Outgoing => ({ bytes: Buffer.from(`e${n}`), source: '1' }));
  const [first, rest] = packed(items, shardOf);
  expect([first?.length, rest?.length]).toEqual([BATCH_EVENTS_MAX, 1]);
  expect(splitBatch(messageOf('k', secret, first ?? []).value as Buffer)).toMatchObject({ ok: true });
  expect(messageOf('k', secret, rest ?? []).value).toEqual(Buffer.from(`e${BATCH_EVENTS_MAX}`));
  expect(Buffer.from(joinBatch([items[0]?.bytes as Uint8Array]))).toEqual(items[0]?.bytes);
});

test('a broker that takes less than we send gets smaller batches; only what is too large by itself is refused', async () => {
  const { brokers, topic } = await testKafka({ partitions: 1 });
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const configEntries = [{ name: 'max.message.bytes', value: '20000' }];
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] });
  const transport = kafkaTransport({ brokers, topic, apiKey: formatApiKey({ keyId: 'bot1', secret }), shards: 1 });
  const sizes = [5_000, 5_000, 5_000, 30_000, 5_000, 5_000, 5_000, 5_000];
  const items = sizes.map((size): Outgoing => ({ bytes: new Uint8Array(size).fill(0x61), source: '1' }));
  const results = await transport.send(items, new AbortController().signal);
  expect(results.map((result) => (result.kind === 'refused' ? result.code : result.kind))).toEqual(
    sizes.map((size) => (size > 20_000 ? 'message_too_large' : 'acknowledged')),
  );
  await transport.close();
  await admin.disconnect();
});
