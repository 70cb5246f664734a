import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConsumer, createProducer, ensureTopic } from '@recant/kafka';
import { startKafka } from '@recant/local-kafka';
import { waitUntil } from '@recant/test-support';
import { expect, test } from 'vitest';
import { PositionStore } from './position-store.ts';

test('reading resumes from the stored position after the broker is killed and restarted', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'recant-broker-'));
  const first = await startKafka({ dir });
  const topic = 'restarted';
  const brokers = first.brokers;
  await ensureTopic({ brokers }, topic, 1);
  const send = async (names: readonly string[]) => {
    const producer = await createProducer({ brokers, topic });
    await producer.send(names.map((name) => ({ partition: 0, value: Buffer.from(name), headers: {} })));
    await producer.close();
  };
  const store = new PositionStore();
  const silent = () => {};
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const consumer = createConsumer({ brokers, topic, groupId: randomUUID(), sessionMs: 6_000, log, ...store.port() });
  await consumer.start();
  await send(['a', 'b']);
  await waitUntil(() => store.taken.length === 2);
  await first.kill();
  await waitUntil(() => consumer.silentMs() > 2_000);
  const second = await startKafka({ dir, port: first.port });
  await send(['c']);
  await waitUntil(() => store.taken.length === 3, { timeoutMs: 45_000 });
  expect(store.of(0)).toEqual(['a', 'b', 'c']);
  await consumer.stop();
  await second.stop();
  await rm(dir, { recursive: true, force: true });
}, 180_000);
