import { randomUUID } from 'node:crypto';
import type { PlanView } from '@recant/api';
import { parseApiKey, shardOf } from '@recant/events';
import { batchMessage, createProducer } from '@recant/kafka';
import { testKafka, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, test } from 'vitest';
import { TestSource } from '../../ledger/test/producer.ts';
import { createStage, SHARDS, type Stage, TENANT } from './harness.ts';

const missingIn = ({ body }: PlanView) => body.watermark?.missing ?? [];
const SELECTION = { agents: ['late'] };

/** An agent that sends over Kafka. */
async function overKafka() {
  const { brokers, topic } = await testKafka({ partitions: SHARDS });
  const stage = await createStage({ kafka: { brokers, topic, groupId: `test-${randomUUID()}` } });
  const key = parseApiKey(await stage.makeKey({ sourcePrefix: 'recant://late', agents: ['late'] })) as NonNullable<
    ReturnType<typeof parseApiKey>
  >;
  const source = new TestSource('late');
  const producer = await createProducer({ brokers, topic });
  const send = (...events: readonly Uint8Array[]) =>
    producer.send(events.map((bytes) => batchMessage(key, shardOf(TENANT, source.source, SHARDS), bytes)));
  return { stage, topic, source, send, producer, partition: shardOf(TENANT, source.source, SHARDS) };
}

async function asOwner(stage: Stage): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: stage.databaseOwnerUrl });
  await client.connect();
  return client;
}

test('planning waits for what Kafka has when it is asked: an event that the ledger has not read yet is in the plan; after the deadline its partition is named; more that is held has another name', async () => {
  const { stage, topic, source, send, producer, partition } = await overKafka();
  await using _stage = stage;
  const first = source.intended();
  await send(source.opened(), first.bytes, source.settled(first.action));
  const before = await stage.operator.createPlan({ selection: SELECTION, waitMs: 20_000 });
  expect(before.body).toMatchObject({ watermark: { topics: [topic], missing: [] }, left: [{ ref: { action: first.action } }] });

  const blocking = await asOwner(stage);
  await blocking.query('BEGIN');
  await blocking.query('SELECT 1 FROM recant.log WHERE tenant_id = $1 FOR UPDATE', [TENANT]);
  const late = source.intended();
  await send(late.bytes, source.settled(late.action));
  const hasty = await stage.operator.createPlan({ selection: SELECTION, waitMs: 0 });
  expect(hasty).toMatchObject({ body: { watermark: { topics: [] }, left: [{ ref: { action: first.action } }] } });
  // Once the log stays locked, what was read waits beside it.
  expect(missingIn(hasty).map(({ kind }) => kind)).toEqual([expect.stringMatching(/^(unread|held)$/)]);
  expect(missingIn(hasty)[0]).toMatchObject({ detail: expect.stringMatching(new RegExp(`^Partition ${partition} is not|messages? wait`)) });

  await waitUntil(async () => (await blocking.query('SELECT FROM recant.held_message')).rowCount === 2);
  const [little] = (await stage.operator.watermark(0)).missing;
  expect(little).toMatchObject({ kind: 'held', detail: '2 messages wait for the log or the rate of a key.' });
  expect((await stage.operator.watermark(0)).missing).toEqual([little]);
  const more = source.intended();
  await send(more.bytes, source.settled(more.action));
  await waitUntil(async () => (await blocking.query('SELECT FROM recant.held_message')).rowCount === 4);
  await expect(stage.withReason('known').createPlan({ selection: SELECTION, waitMs: 0, accept: [little?.id ?? ''] })).rejects.toMatchObject(
    { problem: { code: 'missing_unknown', detail: expect.stringMatching(/Missing now: held-/) } },
  );

  const { rows } = await blocking.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  const planning = stage.operator.createPlan({ selection: SELECTION, waitMs: 20_000 });
  const watching = await asOwner(stage);
  // The plan has asked how far the topic is read.
  await waitUntil(async () => {
    const asked = await watching.query(
      "SELECT FROM pg_stat_activity WHERE query LIKE '%FROM recant.held_message%GROUP BY%' AND query_start > $1",
      [rows[0]?.now],
    );
    return (asked.rowCount ?? 0) > 0;
  });
  await blocking.query('COMMIT');
  const plan = await planning;
  expect(missingIn(plan)).toEqual([]);
  expect(plan.body.left.map(({ ref }) => ref.action).sort()).toEqual([first.action, late.action, more.action].sort());
  await Promise.all([blocking.end(), watching.end(), producer.close()]);
  expect(await stage.audit()).toEqual([]);
});

test('a stopped partition and a broker that is away are named at once, and accepted by name', async () => {
  const { stage, topic, source, send, producer, partition } = await overKafka();
  await using _stage = stage;
  const first = source.intended();
  await send(source.opened(), first.bytes, source.settled(first.action));
  await stage.operator.createPlan({ selection: SELECTION, waitMs: 20_000 });
  const owner = await asOwner(stage);
  await owner.query('UPDATE recant.kafka_position SET next_offset = 1000 WHERE topic = $1 AND partition = $2', [topic, partition]);
  const plan = await stage.operator.createPlan({ selection: SELECTION, waitMs: 20_000 });
  expect(missingIn(plan)).toMatchObject([
    {
      kind: 'unread',
      subject: topic,
      detail: expect.stringContaining(`Partition ${partition} is stopped`),
      action: expect.stringContaining('adopt'),
    },
  ]);
  expect((await stage.operator.watermark(0)).missing).toEqual(missingIn(plan));
  const accept = missingIn(plan).map(({ id }) => id);
  const accepted = await stage.withReason('known').createPlan({ selection: SELECTION, accept });
  expect(missingIn(accepted)).toMatchObject([{ accepted: true }]);
  await Promise.all([owner.end(), producer.close()]);
  expect(await stage.audit()).toEqual([]);
});

test('without an answer of a broker the topic is named', async () => {
  await using stage = await createStage({ kafka: { brokers: ['127.0.0.1:1'], topic: 'gone', groupId: 'test' } });
  expect(missingIn(await stage.operator.createPlan({ selection: { fromMs: 0 } }))).toMatchObject([
    { kind: 'unread', subject: 'gone', detail: expect.stringContaining('No broker') },
  ]);
});
