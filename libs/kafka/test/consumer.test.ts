import { randomUUID } from 'node:crypto';
import {
  type ConsumerOptions,
  createConsumer,
  createProducer,
  type EventConsumer,
  type EventProducer,
  ensureTopic,
  readTopicIdentity,
} from '@recant/kafka';
import { type TestKafka, testKafka, waitUntil } from '@recant/test-support';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PositionStore } from './position-store.ts';

let kafka: TestKafka;
let store: PositionStore;
let producer: EventProducer;
let lines: { level: string; message: string; fields: Record<string, unknown> }[];
const running: EventConsumer[] = [];

beforeEach(async () => {
  kafka = await testKafka({ partitions: 2 });
  store = new PositionStore();
  producer = await createProducer(kafka);
  lines = [];
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((consumer) => consumer.stop()));
  await producer.close();
});

async function start(options: Partial<ConsumerOptions> = {}): Promise<EventConsumer> {
  const note = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: fields as Record<string, unknown> });
  const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
  const consumer = createConsumer({ ...kafka, groupId: `test-${randomUUID()}`, log, ...store.port(), ...options });
  running.push(consumer);
  await consumer.start();
  return consumer;
}

const send = (partition: number, names: readonly string[]) =>
  producer.send(names.map((name) => ({ partition, value: Buffer.from(name), headers: {} })));
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `m${from + n}`);

describe('reading from Kafka', () => {
  test('appends every message once and in order for any slice size, and resumes from the stored position after a restart', async () => {
    await send(0, numbered(50));
    await send(1, numbered(30));
    const first = await start({ bounds: { eventsMax: 7, bytesMax: 1_000 } });
    await waitUntil(() => store.taken.length === 80);
    expect(store.of(0)).toEqual(numbered(50));
    expect(store.of(1)).toEqual(numbered(30));
    expect(Math.max(...store.batches.map((batch) => batch.messages.length))).toBeLessThanOrEqual(7);
    await first.stop();
    await send(0, numbered(10, 50));
    await start();
    await waitUntil(() => store.taken.length === 90);
    expect(store.of(0)).toEqual(numbered(60));
    expect(store.next(0)).toBe(60n);
  });

  test('pauses while the store is unavailable, stays in the group past its session timeout, and loses nothing', async () => {
    await send(0, numbered(5));
    const consumer = await start({ sessionMs: 6_000 });
    await waitUntil(() => store.taken.length === 5);
    store.away = true;
    await send(0, numbered(5, 5));
    await waitUntil(() => consumer.status().some((status) => status.partition === 0 && status.state === 'paused'));
    // The retry delays add up to 7.75 s, longer than the session timeout.
    await waitUntil(() => store.refusals >= 6);
    store.away = false;
    await waitUntil(() => store.taken.length === 10);
    expect(store.of(0)).toEqual(numbered(10));
    expect(consumer.status().find((status) => status.partition === 0)?.state).toBe('running');
    expect(lines.filter((line) => line.message === 'kafka: partitions assigned')).toHaveLength(1);
  });

  test('seeks to the stored position after another member moved it', async () => {
    await send(0, numbered(10));
    await start();
    await waitUntil(() => store.taken.length === 10);
    const id = await readTopicIdentity(kafka, kafka.topic);
    store.set(0, { cluster: id, next: 4n });
    await send(0, ['m10']);
    await waitUntil(() => store.taken.length === 17);
    expect(store.of(0).slice(10)).toEqual(numbered(7, 4));
  });

  test('a position outside the broker’s offsets stops only that partition, with an alarm', async () => {
    const id = await readTopicIdentity(kafka, kafka.topic);
    await send(0, numbered(3));
    await send(1, numbered(3));
    store.set(0, { cluster: id, next: 1_000n });
    const consumer = await start();
    await waitUntil(() => store.of(1).length === 3);
    const stopped = await waitUntil(() => consumer.status().find((status) => status.state === 'stopped'));
    expect(stopped.partition).toBe(0);
    expect(stopped.reason).toContain('1000');
    expect(store.of(0)).toEqual([]);
    expect(lines.find((line) => line.fields.alarm === 'kafka_position')?.level).toBe('error');
    await send(1, ['m3']);
    await waitUntil(() => store.of(1).length === 4);
  });

  test('a partition gets its position before its first message', async () => {
    await start();
    await waitUntil(() => store.next(0) === 0n && store.next(1) === 0n);
  });

  test('I2: a topic that was deleted and made again stops its partitions, and an adopted position resumes them without a restart', async () => {
    await send(0, numbered(3));
    await send(1, numbered(3));
    const consumer = await start();
    await waitUntil(() => store.taken.length === 6);
    const admin = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [kafka.topic] });
    await waitUntil(async () => !(await admin.listTopics()).includes(kafka.topic));
    await ensureTopic(kafka, kafka.topic, 2);
    await waitUntil(() => admin.fetchTopicOffsets(kafka.topic));
    await admin.disconnect();
    await waitUntil(() => send(0, numbered(9, 100)).then(() => true));
    await waitUntil(() => consumer.status().filter(({ state }) => state === 'stopped').length === 2, { timeoutMs: 90_000 });
    expect(consumer.status()[0]?.reason).toContain('the cluster or topic was recreated');
    expect(store.taken).toHaveLength(6);
    store.set(0, { cluster: await readTopicIdentity(kafka, kafka.topic), next: 0n });
    await waitUntil(() => store.of(0).length >= 12, { timeoutMs: 90_000 });
    expect(store.of(0).slice(3, 12)).toEqual(numbered(9, 100));
    expect(consumer.status().find(({ partition }) => partition === 1)?.state).toBe('stopped');
  }, 240_000);

  test('a position of another cluster stops the partition', async () => {
    await send(0, numbered(3));
    store.set(0, { cluster: 'another-cluster', next: 0n });
    const consumer = await start();
    const stopped = await waitUntil(() => consumer.status().find((status) => status.state === 'stopped'));
    expect(stopped.reason).toContain('another-cluster');
    expect(store.taken).toEqual([]);
  });

  test('records without a message (transaction markers, aborted records) do not block the partition', async () => {
    const transactional = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).producer({
      transactionalId: randomUUID(),
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await transactional.connect();
    const inTransaction = async (value: string, end: 'commit' | 'abort') => {
      const transaction = await transactional.transaction();
      await transaction.send({ topic: kafka.topic, messages: [{ partition: 0, value }] });
      await transaction[end]();
    };
    await inTransaction('aborted', 'abort');
    await inTransaction('kept', 'commit');
    await start();
    await waitUntil(() => store.of(0).length === 1);
    await inTransaction('aborted', 'abort');
    await transactional.disconnect();
    await send(0, ['after']);
    await waitUntil(() => store.of(0).length === 2);
    expect(store.of(0)).toEqual(['kept', 'after']);
  });
});

test('an idle connection arms no timers', async () => {
  const original = globalThis.setTimeout;
  let timers = 0;
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    timers += 1;
    return original(...args);
  }) as typeof setTimeout;
  try {
    await new Promise((resolve) => original(resolve, 1_000));
  } finally {
    globalThis.setTimeout = original;
  }
  // kafkajs alone would arm about 890 a second.
  expect(timers).toBeLessThan(50);
});
