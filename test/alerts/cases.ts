import { rename, writeFile } from 'node:fs/promises';
import { eventId, TOPIC_EVENTS } from '@recant/events';
import { createProducer } from '@recant/kafka';
import pg from 'pg';
import { changed, TestSource } from '../../services/ledger/test/producer.ts';
import type { SmallService } from './full-disk.ts';
import type { Stage } from './stage.ts';

export interface Case {
  /** Alerts that the condition makes fire. */
  readonly alerts: readonly string[];
  readonly what: string;
  /** Code in `recant alarms` or check in health; what people see besides the alert. */
  readonly seen?: string;
  cause(stage: Stage, small: SmallService): Promise<void>;
}

const LAG_MESSAGES = 10_100;
const tamper = (stage: Stage) =>
  stage.sql(
    'ledger',
    'ALTER TABLE recant.log DISABLE TRIGGER ALL',
    "UPDATE recant.log SET root = decode(repeat('00', 32), 'hex') WHERE tenant_id = 'recant' AND shard = 0",
    'ALTER TABLE recant.log ENABLE ALWAYS TRIGGER ALL',
  );
async function cutOff({ postgres }: Stage, database: 'ledger' | 'shop'): Promise<void> {
  const client = new pg.Client({ connectionString: Object.assign(new URL(postgres.ownerUrl), { pathname: '/postgres' }).href });
  await client.connect();
  await client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
  await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database]);
  await client.end();
}

/** Holds a lock until the returned function is called. */
async function hold(stage: Stage, lock: string): Promise<() => Promise<void>> {
  const url = Object.assign(new URL(stage.postgres.ownerUrl), { pathname: '/ledger' }).href;
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  await client.query('BEGIN');
  await client.query(lock);
  return () => client.end().catch(() => {});
}

/** In this order: the last ones take the database and the process away. */
export const CASES: readonly Case[] = [
  {
    alerts: ['RecantSourceGap'],
    what: 'an event is never sent',
    seen: 'source_gap',
    async cause({ agents }) {
      const source = new TestSource('gappy');
      const [opened, , later] = [source.opened(), source.intended().bytes, source.intended().bytes];
      await agents.submitBatch([opened, later]);
    },
  },
  {
    alerts: ['RecantSourceLost'],
    what: 'an agent falls silent after 5 s',
    seen: 'source_lost',
    async cause({ agents }) {
      const source = new TestSource('lost');
      await agents.submitEvent(source.event('recant.source.opened.v1', eventId.opened(), { sdk: 'test/1', leaseMs: 5_000 }));
    },
  },
  {
    alerts: ['RecantDeadLetters'],
    what: 'an id is used for two contents',
    seen: 'dead_letters',
    async cause({ agents }) {
      const event = new TestSource('double').opened();
      await agents.submitBatch([event, changed(event, { time: '2029-01-01T00:00:00.000Z' })]);
    },
  },
  {
    alerts: ['RecantPartitionStopped'],
    what: 'the stored position belongs to another topic',
    seen: 'partition_stopped',
    async cause(stage) {
      await stage.sql(
        'ledger',
        `UPDATE recant.kafka_position SET cluster = 'before/recreated' WHERE topic = '${TOPIC_EVENTS}' AND partition = 0`,
      );
      const producer = await createProducer({ brokers: stage.kafka.brokers, topic: TOPIC_EVENTS });
      await producer.send([{ partition: 0, value: Buffer.from('x'), headers: {} }]);
      await producer.close();
    },
  },
  {
    alerts: ['RecantKafkaLag'],
    what: `${LAG_MESSAGES} messages wait in the stopped partition`,
    async cause({ kafka }) {
      const producer = await createProducer({ brokers: kafka.brokers, topic: TOPIC_EVENTS });
      const message = { partition: 0, value: Buffer.from('x'), headers: {} };
      for (let sent = 0; sent < LAG_MESSAGES; sent += 1_000) await producer.send(Array.from({ length: 1_000 }, () => message));
      await producer.close();
    },
  },
  {
    alerts: ['RecantCoverageLost'],
    what: 'a trigger of the capture is switched off',
    seen: 'coverage_lost',
    cause: (stage) => stage.sql('shop', 'ALTER TABLE orders DISABLE TRIGGER zz_recant_2_row'),
  },
  {
    alerts: ['RecantAnchorSilent'],
    what: 'the anchor folder is unmounted',
    seen: 'anchor_silent',
    async cause({ anchorDir, agents }) {
      await rename(anchorDir, `${anchorDir}.away`);
      await writeFile(anchorDir, '');
      await agents.submitEvent(new TestSource('anchored').opened());
    },
  },
  {
    alerts: ['RecantStoreFull'],
    what: 'the disk of PostgreSQL is full',
    seen: 'store_full',
    cause: (_, small) => small.fill(),
  },
  {
    alerts: ['RecantRequestsRefused'],
    what: 'a key sends 400 requests at once and may send 20 a second',
    async cause({ agents }) {
      await Promise.allSettled(Array.from({ length: 400 }, () => agents.submitEvent(new TestSource('flood').opened())));
    },
  },
  {
    alerts: ['RecantPoolExhausted'],
    what: 'a table is locked while 30 people list actions',
    async cause(stage) {
      const release = await hold(stage, 'LOCK TABLE recant.attempt IN ACCESS EXCLUSIVE MODE');
      const lists = Array.from({ length: 60 }, () => stage.operator.attempts({}));
      void Promise.allSettled(lists).then(release);
    },
  },
  {
    alerts: ['RecantPublishingBehind'],
    what: 'checkpoints cannot be stored',
    seen: 'publishing_behind',
    async cause(stage) {
      await hold(stage, 'LOCK TABLE recant.checkpoint IN SHARE MODE');
      await stage.agents.submitEvent(new TestSource('published').opened());
    },
  },
  { alerts: ['RecantLogTampered'], what: 'the superuser changes the root of a log', seen: 'log_tampered', cause: tamper },
  { alerts: ['RecantDrainStopped'], what: 'a system refuses connections', seen: 'drain_stopped', cause: (stage) => cutOff(stage, 'shop') },
  { alerts: ['RecantBrokerSilent'], what: 'the broker is stopped', seen: 'broker_silent', cause: ({ kafka }) => kafka.kill() },
  {
    alerts: ['RecantStoreUnavailable', 'RecantAlarmWatchStopped', 'RecantServerErrors'],
    what: 'PostgreSQL refuses connections',
    async cause(stage) {
      await cutOff(stage, 'ledger');
      await Promise.allSettled(Array.from({ length: 20 }, () => stage.operator.keys()));
    },
  },
  {
    alerts: ['RecantDown'],
    what: 'the process is killed',
    async cause({ service }) {
      await service.end('SIGKILL');
    },
  },
];
