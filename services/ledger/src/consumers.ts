import { TOPIC_EVENTS } from '@recant/events';
import { createConsumer, type EventConsumer, ensureTopic, type KafkaSecurity } from '@recant/kafka';
import { createFairSlots, type FairSlots } from '@recant/queues';
import type { HealthCheck, Logger } from '@recant/service';
import { PositionMoved, type Store } from '@recant/store';
import { ingestMessages } from './intake.ts';
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
}

/** One consumer per topic. They share the transaction slots fairly, and no topic can occupy all of them. */
export interface Consumers {
  readonly health: HealthCheck;
  /** Rejects with one line if the broker is unreachable or a topic is unsuitable. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @param shards partitions of each topic */
export function createConsumers(store: Store, parent: Logger, kafka: KafkaDeps, shards: number): Consumers {
  const topics = createTopics(kafka.topic ?? TOPIC_EVENTS, kafka.tenantTopics ?? {});
  const slots = createFairSlots(TRANSACTIONS_MAX, topics.names.length === 1 ? TRANSACTIONS_MAX : TRANSACTIONS_MAX - 1);
  const logger = parent.child({ part: 'kafka' });
  const consumers = topics.names.map((topic) => createTopicConsumer(topic, { store, logger, kafka, topics, slots }));
  return {
    health: async () => {
      const problems = consumers.flatMap((consumer, at) => problemsOf(consumer, topics.names[at] as string));
      return problems.length === 0 ? { status: 'ok' } : { status: 'degraded', detail: problems.join('; ') };
    },
    async start() {
      for (const topic of topics.names) await ensureTopic(connectionOf(kafka), topic, shards);
      for (const consumer of consumers) await consumer.start();
    },
    async stop() {
      await Promise.all(consumers.map((consumer) => consumer.stop()));
    },
  };
}

interface TopicConsumerDeps {
  readonly store: Store;
  readonly logger: Logger;
  readonly kafka: KafkaDeps;
  readonly topics: Topics;
  readonly slots: FairSlots;
}

function createTopicConsumer(topic: string, { store, logger, kafka, topics, slots }: TopicConsumerDeps): EventConsumer {
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
        await slots.run(topic, () => ingestMessages(batch, { keyring: credentials, appender, parts, logger, topics }));
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

function problemsOf(consumer: EventConsumer, topic: string): string[] {
  if (consumer.silentMs() > KAFKA_SILENT_MS) return [`kafka: no answer for ${Math.round(consumer.silentMs() / 1_000)} s (topic ${topic})`];
  const halted = consumer.status().filter(({ state }) => state !== 'running');
  return halted.map(({ partition, state, reason }) => `kafka: partition ${partition} of ${topic} ${state}: ${reason}`);
}
