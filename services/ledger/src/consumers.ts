import { TOPIC_EVENTS } from '@recant/events';
import { createConsumer, type EventConsumer, ensureTopic, type KafkaSecurity } from '@recant/kafka';
import { createFairSlots, type FairSlots } from '@recant/queues';
import type { HealthCheck, Logger } from '@recant/service';
import { PositionMoved, type Store } from '@recant/store';
import { takeMessages } from './intake.ts';
import { createTopics, type Topics } from './topics.ts';

/** Members of this group share the partitions; two deployments with one name would split the stream. */
const GROUP_ID = 'recant.ledger';
/** A broker that says nothing for this long is away. */
const KAFKA_SILENT_MS = 30_000;
/** Transactions of Kafka at once, in all topics together: the store's other connections are for requests. */
const TAKES_AT_ONCE = 4;

export interface KafkaDeps extends KafkaSecurity {
  readonly brokers: readonly string[];
  readonly topic?: string;
  /** Topics of one tenant each, by tenant. */
  readonly tenantTopics?: Readonly<Record<string, string>>;
  readonly groupId?: string;
  readonly partitionsConcurrently?: number;
}

/** One reader for each topic, which take turns at the store, and of which none has all of them. */
export interface Consumers {
  readonly health: HealthCheck;
  /** Rejects with one line where the broker or a topic is not right. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @param shards partitions of each topic */
export function createConsumers(store: Store, parent: Logger, kafka: KafkaDeps, shards: number): Consumers {
  const topics = createTopics(kafka.topic ?? TOPIC_EVENTS, kafka.tenantTopics ?? {});
  const slots = createFairSlots(TAKES_AT_ONCE, topics.names.length === 1 ? TAKES_AT_ONCE : TAKES_AT_ONCE - 1);
  const logger = parent.child({ part: 'kafka' });
  const consumers = topics.names.map((topic) => createReader(topic, { store, logger, kafka, topics, slots }));
  return {
    health: async () => {
      const troubles = consumers.flatMap((consumer, at) => troublesOf(consumer, topics.names[at] as string));
      return troubles.length === 0 ? { status: 'ok' } : { status: 'degraded', detail: troubles.join('; ') };
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

interface ReaderDeps {
  readonly store: Store;
  readonly logger: Logger;
  readonly kafka: KafkaDeps;
  readonly topics: Topics;
  readonly slots: FairSlots;
}

function createReader(topic: string, { store, logger, kafka, topics, slots }: ReaderDeps): EventConsumer {
  const { appender, credentials, parts, positions } = store;
  const groupId = kafka.groupId ?? GROUP_ID;
  return createConsumer({
    ...connectionOf(kafka),
    topic,
    // kafkajs gives the partitions of a group to its members as if all of them read the same topics.
    groupId: topic === topics.names[0] ? groupId : `${groupId}.${topic}`,
    log: logger,
    ...(kafka.partitionsConcurrently === undefined ? {} : { partitionsConcurrently: kafka.partitionsConcurrently }),
    readPosition: async (topic, partition) => (await positions.read(topic)).find((position) => position.partition === partition),
    adoptPosition: async (topic, partition, position) => {
      await positions.adopt(topic, { partition, ...position }, undefined);
    },
    async append(batch) {
      try {
        await slots.run(topic, () => takeMessages(batch, { keyring: credentials, appender, parts, logger, topics }));
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

function troublesOf(consumer: EventConsumer, topic: string): string[] {
  if (consumer.silentMs() > KAFKA_SILENT_MS) return [`Kafka has not answered for ${Math.round(consumer.silentMs() / 1_000)} s (${topic})`];
  const halted = consumer.status().filter(({ state }) => state !== 'running');
  return halted.map(({ partition, state, reason }) => `partition ${partition} of ${topic} ${state}: ${reason}`);
}
