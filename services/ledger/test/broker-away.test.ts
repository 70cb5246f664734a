import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shardOf } from '@recant/events';
import { batchMessage, createProducer } from '@recant/kafka';
import { startKafka } from '@recant/local-kafka';
import { waitUntil } from '@recant/test-support';
import { expect, test } from 'vitest';
import { SHARDS, startLedger, TENANT } from './harness.ts';
import { TestSource } from './producer.ts';

test('I4: a broker that is away at the start leaves HTTP up, is read as soon as it answers, and does not delay the stop', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'recant-away-'));
  const first = await startKafka({ dir });
  const { brokers, port } = first;
  await first.kill();
  const topic = 'away';
  const ledger = await startLedger({ kafka: { brokers, topic, groupId: 'away' } });
  const health = async () => ledger.wired.health.kafka?.();
  const source = new TestSource('away');
  const { action, bytes } = source.intended();
  expect((await ledger.post(bytes)).status).toBe(201);
  expect(await health()).toMatchObject({
    status: 'degraded',
    detail: expect.stringMatching(/is unreachable .*events over HTTP are recorded/),
  });

  const second = await startKafka({ dir, port });
  await waitUntil(async () => (await health())?.status === 'ok', { timeoutMs: 90_000 });
  const positions = () => ledger.store.positions.read(topic);
  await waitUntil(async () => (await positions()).length === SHARDS, { what: 'a position of each partition, before its first message' });
  const producer = await createProducer({ brokers, topic });
  await producer.send([batchMessage(ledger.agentApiKey, shardOf(TENANT, source.source, SHARDS), source.settled(action))]);
  await waitUntil(async () => (await ledger.operator.action(action)).attempts[0]?.status === 'succeeded');
  await producer.close();

  await second.kill();
  await ledger.stop();
  await rm(dir, { recursive: true, force: true });
}, 240_000);
