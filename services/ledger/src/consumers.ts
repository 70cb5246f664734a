import { setTimeout as delay } from 'node:timers/promises';
import { OPERATOR_TENANT, TOPIC_EVENTS } from '@recant/events';
import { createConsumer, type EventConsumer, ensureTopic, KafkaError, type KafkaSecurity } from '@recant/kafka';
import { createFairSlots, type FairSlots } from '@recant/queues';
import { createRateLimits, type HealthCheck, type Logger, type RateLimits, type Rates } from '@recant/service';
import { PositionMoved, type Store, type TenantCondition } from '@recant/store';
import { ofOperator } from './alarm-watch.ts';
import { createGarbageLimit, type GarbageLimit } from './garbage.ts';
import { createHeldLoop } from './held-loop.ts';
import { ingestMessages } from './intake.ts';
import { createKafkaLag, type KafkaLag } from './kafka-lag.ts';
import type { ReachDeps } from './reach-topics.ts';
import { watchTopicSettings } from './topic-settings.ts';
import { createTopics, type Topics } from './topics.ts';

/** Consumer group. Its members share the partitions, so that two deployments need different groups. */
const GROUP_ID = 'recant.ledger';
/** Milliseconds without an answer after which a broker counts as unreachable. */
const KAFKA_SILENT_MS = 30_000;
/** Concurrent transactions of all topics; the store's other connections serve requests. */
const TRANSACTIONS_MAX = 4;

export interface KafkaDeps extends KafkaSecurity {
  readonly brokers: readonly string[];
  readonly topic?: string;
  /** Topics of one tenant each, by tenant. */
  readonly tenantTopics?: Readonly<Record<string, string>>;
  readonly groupId?: string;
  readonly partitionsConcurrently?: number;
  /** Milliseconds between two looks at the settings of topics. */
  readonly settingsMs?: number;
}

/** One consumer per topic. They share the transaction slots fairly, and no topic can occupy all of them. */
export interface Consumers {
  readonly health: HealthCheck;
  /** Conditions for the operator. */
  conditions(): readonly TenantCondition[];
  status(): ConsumerStatus;
  /** What tells how far the topics are read. */
  readonly reach: ReachDeps;
  /**
   * Rejects with one line if the broker refuses this configuration or a topic is unsuitable. A broker that is unreachable is tried again until it answers:
   * HTTP goes on without it.
   */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface ConsumerStatus {
  readonly lags: ReturnType<KafkaLag['lags']>;
  readonly topics: readonly {
    readonly topic: string;
    /** Since a broker last answered a fetch. */
    readonly silentMs: number;
    readonly halted: readonly { readonly partition: number; readonly state: string }[];
  }[];
}

/** Milliseconds until an unreachable broker is tried again. */
const RETRY_MS = 5_000;

/** @param shards partitions of each topic @param rates of keys and tenants */
export function createConsumers(store: Store, parent: Logger, kafka: KafkaDeps, shards: number, rates: Rates): Consumers {
  const topics = createTopics(kafka.topic ?? TOPIC_EVENTS, kafka.tenantTopics ?? {});
  const slots = createFairSlots(TRANSACTIONS_MAX, topics.names.length === 1 ? TRANSACTIONS_MAX : TRANSACTIONS_MAX - 1);
  const logger = parent.child({ part: 'kafka' });
  const lag = createKafkaLag({ access: connectionOf(kafka), topics: topics.names }, store.positions, logger);
  const settings = watchTopicSettings({ access: connectionOf(kafka), topics: topics.names }, logger, kafka.settingsMs);
  const clock = () => performance.now();
  const limits = createRateLimits(rates, clock);
  const garbage = createGarbageLimit(clock);
  const consumers = topics.names.map((topic) => createTopicConsumer(topic, { store, logger, kafka, topics, slots, limits, garbage }));
  const partitions = () =>
    new Map(topics.names.map((topic, at) => [topic, (consumers[at] as EventConsumer).status().map(({ partition }) => partition)]));
  const { held, appender, parts, credentials: keyring } = store;
  const heldLoop = createHeldLoop({ held, appender, parts, keyring, limits, logger, partitions });
  const stopping = new AbortController();
  let away: string | undefined;
  let retrying: Promise<void> = Promise.resolve();
  const open = async (): Promise<void> => {
    for (const topic of topics.names) await ensureTopic(connectionOf(kafka), topic, shards);
    settings.start();
    for (const consumer of consumers) if (!stopping.signal.aborted) await consumer.start();
    away = undefined;
  };
  const retry = async (): Promise<void> => {
    while (away !== undefined && !stopping.signal.aborted) {
      await delay(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      await open().catch((error: Error) => {
        if (away !== error.message) logger.error({ err: error }, 'kafka: not started; retrying');
        away = error.message;
      });
    }
  };
  return {
    health: async () => {
      if (away !== undefined) return { status: 'degraded', detail: `${away}; events over HTTP are recorded` };
      const problems = consumers.flatMap((consumer, at) => problemsOf(consumer, topics.names[at] as string));
      const waiting = heldLoop.conditions().filter(({ tenant }) => tenant === OPERATOR_TENANT);
      problems.push(...waiting.map(({ detail }) => `kafka: ${detail}`));
      return problems.length === 0 ? { status: 'ok' } : { status: 'degraded', detail: problems.join('; ') };
    },
    conditions: () => [
      ...heldLoop.conditions(),
      ...settings.conditions(),
      ...(away !== undefined
        ? topics.names.map((topic) => ofOperator('broker_silent', topic, away as string, CHECK_BROKER))
        : consumers.flatMap((consumer, at) => conditionsOf(consumer, topics.names[at] as string))),
    ],
    reach: { access: connectionOf(kafka), topics, positions: store.positions, held },
    status: () => ({ lags: lag.lags(), topics: consumers.map((consumer, at) => statusOf(consumer, topics.names[at] as string)) }),
    async start() {
      lag.start();
      heldLoop.start();
      try {
        await open();
      } catch (error) {
        if (!(error instanceof KafkaError) || error.code !== 'unreachable') throw error;
        away = error.message;
        logger.error({ err: error }, 'kafka: not started; retrying');
        retrying = retry();
      }
    },
    async stop() {
      stopping.abort();
      const ended = heldLoop.stop();
      await Promise.all(consumers.map((consumer) => consumer.stop()));
      await Promise.race([Promise.all([retrying, ended, lag.stop(), settings.stop()]), delay(STOP_MS_MAX, undefined, { ref: false })]);
    },
  };
}

/** Milliseconds that a stop waits for an attempt to connect. */
const STOP_MS_MAX = 2_000;

interface TopicConsumerDeps {
  readonly store: Store;
  readonly logger: Logger;
  readonly kafka: KafkaDeps;
  readonly topics: Topics;
  readonly slots: FairSlots;
  readonly limits: RateLimits;
  readonly garbage: GarbageLimit;
}

function createTopicConsumer(topic: string, deps: TopicConsumerDeps): EventConsumer {
  const { store, logger, kafka, topics, slots, limits, garbage } = deps;
  const { appender, credentials, parts, positions } = store;
  const groupId = kafka.groupId ?? GROUP_ID;
  return createConsumer({
    ...connectionOf(kafka),
    topic,
    // kafkajs assigns the partitions of a group as if all its members read the same topics.
    groupId: topic === topics.names[0] ? groupId : `${groupId}.${topic}`,
    log: logger,
    ...(kafka.partitionsConcurrently === undefined ? {} : { partitionsConcurrently: kafka.partitionsConcurrently }),
    readPosition: async (topic, partition) => (await positions.read(topic)).find((position) => position.partition === partition),
    adoptPosition: async (topic, partition, position) => {
      await positions.adopt(topic, { partition, ...position }, undefined);
    },
    async append(batch) {
      try {
        await slots.run(topic, () => ingestMessages(batch, { keyring: credentials, appender, parts, logger, topics, limits, garbage }));
        return 'appended';
      } catch (error) {
        if (error instanceof PositionMoved) return 'moved';
        throw error;
      }
    },
  });
}

function connectionOf({ brokers, tls, sasl }: KafkaDeps) {
  return { brokers, ...(tls && { tls }), ...(sasl && { sasl }) };
}

function statusOf(consumer: EventConsumer, topic: string): ConsumerStatus['topics'][number] {
  const halted = consumer.status().filter(({ state }) => state !== 'running');
  return { topic, silentMs: consumer.silentMs(), halted: halted.map(({ partition, state }) => ({ partition, state })) };
}

function problemsOf(consumer: EventConsumer, topic: string): string[] {
  if (consumer.silentMs() > KAFKA_SILENT_MS) return [`kafka: no answer for ${Math.round(consumer.silentMs() / 1_000)} s (topic ${topic})`];
  const halted = consumer.status().filter(({ state }) => state !== 'running');
  return halted.map(({ partition, state, reason }) => `kafka: partition ${partition} of ${topic} ${state}: ${reason}`);
}

const CHECK_BROKER = 'Check the broker and the network; reading resumes by itself.';
const ADOPT =
  'Compare the position with the broker (`recant kafka positions`) and decide where to go on (`recant kafka adopt`). Events between the two positions are missing until their producers send them again.';

/** A partition that waits for the store is not among them: it resumes with the store. */
function conditionsOf(consumer: EventConsumer, topic: string): TenantCondition[] {
  if (consumer.silentMs() > KAFKA_SILENT_MS)
    return [ofOperator('broker_silent', topic, `No broker has answered for ${KAFKA_SILENT_MS / 1_000} s.`, CHECK_BROKER)];
  const stopped = consumer.status().filter(({ state }) => state === 'stopped');
  return stopped.map(({ partition, reason }) => ofOperator('partition_stopped', `${topic}/${partition}`, `Not read: ${reason}.`, ADOPT));
}
