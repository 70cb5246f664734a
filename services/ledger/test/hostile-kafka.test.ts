import { randomUUID } from 'node:crypto';
import zlib from 'node:zlib';
import { DEAD_LETTER_BYTES_MAX, OPERATOR_TENANT, shardOf } from '@recant/events';
import { batchMessage, createProducer, type EventProducer, type OutgoingMessage } from '@recant/kafka';
import { type TestKafka, testKafka, waitUntil } from '@recant/test-support';
import { CompressionCodecs, CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, SHARDS, startLedger, TENANT } from './harness.ts';
import { TestSource } from './producer.ts';

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

type Compress = (bytes: Buffer) => Buffer;
const codecs: [string, CompressionTypes, Compress][] = [
  ['gzip', CompressionTypes.GZIP, (bytes) => zlib.gzipSync(bytes)],
  ['zstd', CompressionTypes.ZSTD, (bytes) => zlib.zstdCompressSync(bytes)],
  ['lz4', CompressionTypes.LZ4, lz4],
  ['snappy', CompressionTypes.Snappy, snappy],
];

/** One uncompressed block of at most 64 KiB. */
function lz4(bytes: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE((bytes.length | 0x80000000) >>> 0);
  return Buffer.concat([Buffer.from('04224d18604082', 'hex'), head, bytes, Buffer.alloc(4)]);
}

/** Java framing with one block of one literal of 256 to 16,383 bytes. */
function snappy(bytes: Buffer): Buffer {
  const { length } = bytes;
  const literal = Buffer.from([(length & 127) | 128, length >> 7, 61 << 2, (length - 1) & 255, (length - 1) >> 8]);
  const head = Buffer.from('82534e41505059000000000100000001', 'hex');
  const size = Buffer.alloc(4);
  size.writeUInt32BE(literal.length + length);
  return Buffer.concat([head, size, literal, bytes]);
}

/** Sends to the shared topic as anybody may, with a compression of its own. */
async function sendCompressed(type: CompressionTypes, compress: Compress, messages: readonly OutgoingMessage[]): Promise<void> {
  (CompressionCodecs as Record<number, unknown>)[type] = () => ({ compress: async ({ buffer }: { buffer: Buffer }) => compress(buffer) });
  const other = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).producer();
  await other.connect();
  const copies = messages.map(({ partition, value, headers }) => ({ partition, value: Buffer.from(value), headers: { ...headers } }));
  await other.send({ topic: kafka.topic, compression: type, messages: copies }).finally(() => other.disconnect());
}

const signed = (source: TestSource, bytes: Uint8Array) => batchMessage(ledger.agentApiKey, shardOf(TENANT, source.source, SHARDS), bytes);
const isOpen = (action: string) => async () => (await ledger.operator.action(action)).attempts[0]?.status === 'open';
const letters = async () => (await ledger.store.queries.deadLetters(OPERATOR_TENANT, { limit: 1_000 })).deadLetters;

test.each(codecs)('I4: a signed event in a batch compressed with %s is recorded', async (_name, type, compress) => {
  const source = new TestSource();
  const { action, bytes } = source.intended();
  await sendCompressed(type, compress, [signed(source, bytes)]);
  await waitUntil(isOpen(action));
});

test('I4: a bomb is one dead letter with the range of its offsets, and all partitions go on', async () => {
  const before = (await letters()).length;
  const bombs = [Buffer.alloc(40_000_000, 'a'), Buffer.alloc(10, 'b')].map((value) => ({ partition: 0, value, headers: {} }));
  for (const [, type, compress] of codecs.slice(0, 2)) await sendCompressed(type, compress, bombs);
  await producer.send([{ partition: 0, value: Buffer.alloc(800_000, 'z'), headers: {} }]);
  const sources = Array.from({ length: SHARDS * 4 }, () => new TestSource());
  const sent = sources.map((source) => ({ source, ...source.intended() }));
  await producer.send(sent.map(({ source, bytes }) => signed(source, bytes)));
  for (const { action } of sent) await waitUntil(isOpen(action));
  const found = await waitUntil(async () => {
    const all = (await letters()).slice(before);
    return all.length === 3 ? all : undefined;
  });
  expect(found.map(({ code }) => code).sort()).toEqual(['unauthenticated', 'undecodable', 'undecodable']);
  for (const { bytes } of found) expect(bytes.length).toBeLessThanOrEqual(DEAD_LETTER_BYTES_MAX);
  const [bomb] = found.filter(({ code }) => code === 'undecodable');
  expect(bomb?.origin).toMatch(new RegExp(`^kafka:${kafka.topic}/0/\\d+-\\d+$`));
  expect(bomb?.detail).toContain('over 4194304 bytes when decompressed');
  expect(ledger.log.filter(({ msg }) => /crashed|stalled/.test(String(msg)))).toEqual([]);
});
