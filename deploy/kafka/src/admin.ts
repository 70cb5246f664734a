import { Kafka, logLevel } from 'kafkajs';
import { LocalKafkaError } from './error.ts';

/** A cold broker on a busy machine. */
const ANSWER_MS = 120_000;
const RETRY_MS = 100;

function client(brokers: readonly string[]): Kafka {
  return new Kafka({
    clientId: 'recant-local-kafka',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    retry: { initialRetryTime: RETRY_MS, maxRetryTime: 500, retries: 5 },
  });
}

/** An open port is not yet a ready group coordinator: asking for a group's offsets reaches it. */
export async function untilAnswering(brokers: readonly string[]): Promise<void> {
  const deadline = performance.now() + ANSWER_MS;
  for (;;) {
    const admin = client(brokers).admin();
    try {
      await admin.connect();
      await admin.fetchOffsets({ groupId: 'recant-ready', topics: [] });
      return;
    } catch (cause) {
      if (performance.now() > deadline) throw new LocalKafkaError('start_failed', `Kafka does not answer on ${brokers}`, { cause });
      await new Promise((done) => setTimeout(done, RETRY_MS));
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }
}

export async function createTopics(brokers: readonly string[], topics: readonly { name: string; partitions: number }[]): Promise<void> {
  if (topics.length === 0) return;
  const admin = client(brokers).admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const wanted = topics.filter(({ name }) => !existing.has(name));
    await admin.createTopics({ topics: wanted.map(({ name, partitions }) => ({ topic: name, numPartitions: partitions })) });
  } finally {
    await admin.disconnect();
  }
}
