import { type Admin, Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { LocalKafkaError } from './error.ts';

/** A cold broker on a busy machine. */
const ANSWER_MS = 120_000;
const RETRY_MS = 100;

/** Where the broker is, and how it is spoken to. */
export type Way = Pick<KafkaConfig, 'ssl' | 'sasl'> & { readonly brokers: string[] };

function client(way: Way): Kafka {
  return new Kafka({
    clientId: 'recant-local-kafka',
    ...way,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    retry: { initialRetryTime: RETRY_MS, maxRetryTime: 500, retries: 5 },
  });
}

/** An open port is not yet a ready group coordinator: asking for a group's offsets reaches it. */
export async function untilAnswering(way: Way): Promise<void> {
  const deadline = performance.now() + ANSWER_MS;
  for (;;) {
    const admin = client(way).admin();
    try {
      await admin.connect();
      await admin.fetchOffsets({ groupId: 'recant-ready', topics: [] });
      return;
    } catch (cause) {
      if (performance.now() > deadline) throw new LocalKafkaError('start_failed', `Kafka does not answer on ${way.brokers}`, { cause });
      await new Promise((done) => setTimeout(done, RETRY_MS));
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }
}

export async function createTopics(way: Way, topics: readonly { name: string; partitions: number }[]): Promise<void> {
  if (topics.length === 0) return;
  const admin = client(way).admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const wanted = topics.filter(({ name }) => !existing.has(name));
    const made = wanted.map(({ name, partitions }) => ({ topic: name, numPartitions: partitions }));
    await admin.createTopics({ topics: made, waitForLeaders: false });
    await untilLed(
      admin,
      wanted.map(({ name }) => name),
    );
  } finally {
    await admin.disconnect();
  }
}

/** A new topic has no leaders at first, and the broker may answer that it knows nothing of it; waiting inside kafkajs gives up on that answer. */
async function untilLed(admin: Admin, topics: string[]): Promise<void> {
  const deadline = performance.now() + ANSWER_MS;
  for (;;) {
    const found =
      topics.length === 0
        ? []
        : await admin.fetchTopicMetadata({ topics }).then(
            (metadata) => metadata.topics,
            (cause: { type?: string }) => {
              if (performance.now() > deadline || !NOT_YET.has(cause.type ?? '')) throw cause;
              return undefined;
            },
          );
    if (found?.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0))) return;
    if (performance.now() > deadline) throw new LocalKafkaError('start_failed', `Kafka gives ${topics} no leaders`);
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
}
const NOT_YET = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);
