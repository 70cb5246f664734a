import { type Admin, Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { LocalKafkaError } from './error.ts';

/** Enough for a cold start on a busy machine. */
const READY_MS = 120_000;
const RETRY_MS = 100;

/** Address and credentials of the broker. */
export type BrokerAddress = Pick<KafkaConfig, 'ssl' | 'sasl'> & { readonly brokers: string[] };

function client(address: BrokerAddress): Kafka {
  return new Kafka({
    clientId: 'recant-local-kafka',
    ...address,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    retry: { initialRetryTime: RETRY_MS, maxRetryTime: 500, retries: 5 },
  });
}

/** Waits for the group coordinator, by requesting a group's offsets: it becomes ready after the port opens. */
export async function untilReady(address: BrokerAddress): Promise<void> {
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const admin = client(address).admin();
    try {
      await admin.connect();
      await admin.fetchOffsets({ groupId: 'recant-ready', topics: [] });
      return;
    } catch (cause) {
      if (performance.now() > deadline)
        throw new LocalKafkaError('start_failed', `Kafka did not become ready on ${address.brokers} within ${READY_MS / 1_000} s`, {
          cause,
        });
      await new Promise((done) => setTimeout(done, RETRY_MS));
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }
}

export async function createTopics(address: BrokerAddress, topics: readonly { name: string; partitions: number }[]): Promise<void> {
  if (topics.length === 0) return;
  const admin = client(address).admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const wanted = topics.filter(({ name }) => !existing.has(name));
    const created = wanted.map(({ name, partitions }) => ({ topic: name, numPartitions: partitions }));
    await admin.createTopics({ topics: created, waitForLeaders: false });
    await untilLeadersElected(
      admin,
      wanted.map(({ name }) => name),
    );
  } finally {
    await admin.disconnect();
  }
}

/** Waits for the topics' leaders. Until then the broker may also report unknown topics, an error at which kafkajs' own waiting gives up. */
async function untilLeadersElected(admin: Admin, topics: string[]): Promise<void> {
  const deadline = performance.now() + READY_MS;
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
    if (performance.now() > deadline)
      throw new LocalKafkaError('start_failed', `Kafka elected no leaders for ${topics} within ${READY_MS / 1_000} s`);
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
}
const NOT_YET = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);
