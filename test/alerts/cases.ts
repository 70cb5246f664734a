import { rename, rm, writeFile } from 'node:fs/promises';
import { eventId, TOPIC_EVENTS } from '@recant/events';
import { createProducer } from '@recant/kafka';
import kafkajs from 'kafkajs';
import pg from 'pg';
import { changed, TestSource } from '../../services/ledger/test/producer.ts';
import type { SmallService } from './full-disk.ts';
import type { Stage } from './stage.ts';

const { ConfigResourceTypes, Kafka, logLevel } = kafkajs;

export interface Case {
  /** Alerts that the condition makes fire. */
  readonly alerts: readonly string[];
  readonly what: string;
  /** Code of the alarm; what people see besides the alert. */
  readonly seen?: string;
  /** Seconds within which health, `recant status` and metrics show it. */
  readonly shownS?: number;
  /** Seconds within which the last of the alerts fires, without the rules' `for`: noticed, watched every 5 s, scraped every 6 s, and what the rule waits for. */
  readonly firesS: number;
  cause(stage: Stage, small: SmallService): Promise<void>;
  /** Ends the condition, where it would cause others. Its alerts must stop then. */
  mend?(stage: Stage): Promise<void>;
}

const LAG_MESSAGES = 10_100;
const REFUSED = 150;
const ROUNDS_MAX = 100;
const ANSWER_MS_MAX = 20_000;
const tamper = (stage: Stage) =>
  stage.sql(
    'ledger',
    'ALTER TABLE recant.log DISABLE TRIGGER only_grows',
    "UPDATE recant.log SET root = decode(repeat('00', 32), 'hex') WHERE tenant_id = 'recant' AND shard = 0",
    'ALTER TABLE recant.log ENABLE ALWAYS TRIGGER only_grows',
  );
async function cutOff({ postgres }: Stage, database: 'ledger' | 'shop'): Promise<void> {
  const client = new pg.Client({ connectionString: Object.assign(new URL(postgres.ownerUrl), { pathname: '/postgres' }).href });
  await client.connect();
  await client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
  await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database]);
  await client.end();
}

/** Replaces what the topic sets itself. */
async function configureTopic(brokers: readonly string[], values: Readonly<Record<string, string>>): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const configEntries = Object.entries(values).map(([name, value]) => ({ name, value }));
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: TOPIC_EVENTS, configEntries }];
  await admin.alterConfigs({ validateOnly: false, resources }).finally(() => admin.disconnect());
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
    shownS: 20,
    firesS: 30,
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
    shownS: 20,
    firesS: 30,
    async cause({ agents }) {
      const source = new TestSource('lost');
      await agents.submitEvent(source.event('recant.source.opened.v1', eventId.opened(), { sdk: 'test/1', leaseMs: 5_000 }));
    },
  },
  {
    alerts: ['RecantDeadLetters'],
    what: 'an id is used for two contents',
    seen: 'dead_letters',
    shownS: 15,
    firesS: 25,
    async cause({ agents }) {
      const event = new TestSource('double').opened();
      await agents.submitBatch([event, changed(event, { time: '2029-01-01T00:00:00.000Z' })]);
    },
  },
  {
    alerts: ['RecantPartitionStopped'],
    what: 'the stored position belongs to another topic',
    seen: 'partition_stopped',
    shownS: 20,
    firesS: 30,
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
    alerts: ['RecantTopicMisconfigured'],
    what: 'a topic keeps its messages for a minute',
    seen: 'topic_misconfigured',
    shownS: 45,
    firesS: 55,
    cause: ({ kafka }) => configureTopic(kafka.brokers, { 'retention.ms': '60000' }),
    mend: ({ kafka }) => configureTopic(kafka.brokers, {}),
  },
  {
    alerts: ['RecantKafkaLag'],
    what: `${LAG_MESSAGES} messages wait in the stopped partition`,
    firesS: 45,
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
    shownS: 70,
    firesS: 80,
    cause: (stage) => stage.sql('shop', 'ALTER TABLE orders DISABLE TRIGGER zz_recant_2_row'),
  },
  {
    alerts: ['RecantAnchorSilent'],
    what: 'the anchor folder is unmounted',
    seen: 'anchor_silent',
    shownS: 45,
    firesS: 115,
    async cause({ anchorDir, agents }) {
      await rename(anchorDir, `${anchorDir}.away`);
      await writeFile(anchorDir, '');
      await agents.submitEvent(new TestSource('anchored').opened());
    },
    async mend({ anchorDir }) {
      await rm(anchorDir);
      await rename(`${anchorDir}.away`, anchorDir);
    },
  },
  {
    alerts: ['RecantWebhookFailing'],
    what: 'a webhook refuses the message of a gap',
    seen: 'webhook_failing',
    shownS: 145,
    firesS: 155,
    async cause({ webhook, agents }) {
      webhook.behave((_, outgoing) => outgoing.writeHead(500).end());
      const source = new TestSource('announced');
      const [opened, , later] = [source.opened(), source.intended().bytes, source.intended().bytes];
      await agents.submitBatch([opened, later]);
    },
    async mend({ webhook }) {
      webhook.behave();
    },
  },
  {
    alerts: ['RecantStoreFull'],
    what: 'the disk of PostgreSQL is full',
    seen: 'store_full',
    shownS: 15,
    firesS: 25,
    cause: (_, small) => small.fill(),
  },
  {
    alerts: ['RecantRequestsRefused'],
    what: `a key sends requests until ${REFUSED} are refused, and may send 20 a second`,
    firesS: 30,
    async cause({ target, agentKey }) {
      const headers = { authorization: `Bearer ${agentKey}`, 'content-type': 'application/cloudevents+json' };
      const ask = async (): Promise<number> => {
        const answer = await fetch(`${target.url}/v1/events`, { method: 'POST', headers, body: '{}' });
        await answer.arrayBuffer();
        return answer.status;
      };
      let refused = 0;
      for (let round = 0; refused < REFUSED && round < ROUNDS_MAX; round += 1) {
        const statuses = await Promise.all(Array.from({ length: 100 }, ask));
        refused += statuses.filter((status) => status === 429).length;
      }
    },
  },
  {
    alerts: ['RecantPoolExhausted'],
    what: 'a table is locked while 30 people list actions',
    firesS: 30,
    async cause(stage) {
      const release = await hold(stage, 'LOCK TABLE recant.attempt IN ACCESS EXCLUSIVE MODE');
      const lists = Array.from({ length: 60 }, () => stage.operator.attempts({}));
      void Promise.allSettled(lists).then(release);
    },
  },
  {
    alerts: ['RecantProjectionBehind'],
    what: 'a session locks how far the lists are',
    seen: 'projection_behind',
    shownS: 90,
    firesS: 100,
    async cause(stage) {
      await hold(stage, 'LOCK TABLE recant.projected IN SHARE MODE');
      await stage.agents.submitEvent(new TestSource('listed').opened());
    },
    mend: (stage) =>
      stage.sql(
        'ledger',
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'recant.projected'::regclass AND mode = 'ShareLock' AND granted",
      ),
  },
  {
    alerts: ['RecantProjectionStopped'],
    what: 'PostgreSQL refuses the rows of an entry',
    seen: 'projection_stopped',
    shownS: 20,
    firesS: 30,
    async cause(stage) {
      await stage.sql('ledger', "ALTER TABLE recant.attempt ADD CONSTRAINT no_poison CHECK (tool <> 'poison') NOT VALID");
      await stage.agents.submitEvent(new TestSource('poisonous').intended({ tool: 'poison' }).bytes);
    },
    mend: (stage) => stage.sql('ledger', 'ALTER TABLE recant.attempt DROP CONSTRAINT no_poison'),
  },
  {
    alerts: ['RecantPublishingBehind'],
    what: 'checkpoints cannot be stored',
    seen: 'publishing_behind',
    shownS: 30,
    firesS: 100,
    async cause(stage) {
      await hold(stage, 'LOCK TABLE recant.checkpoint IN SHARE MODE');
      await stage.agents.submitEvent(new TestSource('published').opened());
    },
  },
  {
    alerts: ['RecantLogTampered'],
    what: 'the superuser changes the root of a log',
    seen: 'log_tampered',
    shownS: 30,
    firesS: 40,
    cause: tamper,
  },
  {
    alerts: ['RecantDrainStopped'],
    what: 'a system refuses connections',
    seen: 'drain_stopped',
    shownS: 70,
    firesS: 80,
    cause: (stage) => cutOff(stage, 'shop'),
  },
  {
    alerts: ['RecantBrokerSilent'],
    what: 'the broker is stopped',
    seen: 'broker_silent',
    shownS: 45,
    firesS: 55,
    cause: ({ kafka }) => kafka.kill(),
  },
  {
    alerts: ['RecantStoreUnavailable', 'RecantAlarmWatchStopped', 'RecantServerErrors'],
    what: 'PostgreSQL refuses connections',
    firesS: 90,
    async cause(stage) {
      await cutOff(stage, 'ledger');
      // Without the client, which would ask again.
      const headers = { authorization: `Bearer ${stage.agentKey}` };
      const ask = () => fetch(`${stage.target.url}/v1/keys`, { headers, signal: AbortSignal.timeout(ANSWER_MS_MAX) });
      await Promise.allSettled(Array.from({ length: 20 }, ask));
    },
  },
  {
    alerts: ['RecantDown'],
    what: 'the process is killed',
    firesS: 25,
    async cause({ service }) {
      await service.end('SIGKILL');
    },
  },
];
