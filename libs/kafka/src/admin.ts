import type { Admin } from 'kafkajs';
import { type ConnectionOptions, connectionOf } from './connection.ts';
import { KafkaError } from './error.ts';

/** Tries of one question to the broker before it is called unreachable. */
const RETRIES = 3;

export interface Cluster {
  /** Differs for every cluster, and for one that was made anew. */
  readonly id: string;
  readonly brokers: number;
}

/** Offsets that the broker still holds: `[low, high)`. */
export interface OffsetRange {
  readonly low: bigint;
  readonly high: bigint;
}

/** @throws KafkaError `unreachable` */
export function describeCluster(options: ConnectionOptions): Promise<Cluster> {
  return asAdmin(options, async (admin) => {
    const { clusterId, brokers } = await admin.describeCluster();
    return { id: clusterId, brokers: brokers.length };
  });
}

/**
 * Makes the topic, or checks the one that is there. Partitions are shards: another count would send sources elsewhere.
 * @throws KafkaError `unreachable`, `topic_mismatch`
 */
export function ensureTopic(options: ConnectionOptions, topic: string, partitions: number): Promise<void> {
  return asAdmin(options, async (admin) => {
    const made = await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: -1 }], waitForLeaders: true });
    if (made) return;
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const found = topics[0]?.partitions.length ?? 0;
    if (found === partitions) return;
    throw new KafkaError(
      'topic_mismatch',
      `topic ${topic} has ${found} partitions and the ledger ${partitions} shards: set RECANT_SHARDS to ${found}, or use a topic of its own`,
    );
  });
}

/** @throws KafkaError `unreachable` */
export function readOffsetRange(options: ConnectionOptions, topic: string, partition: number): Promise<OffsetRange> {
  return asAdmin(options, async (admin) => {
    const offsets = await admin.fetchTopicOffsets(topic);
    const found = offsets.find((each) => each.partition === partition);
    return found ? { low: BigInt(found.low), high: BigInt(found.high) } : { low: 0n, high: 0n };
  });
}

/** A connection for one question: an admin client is too rarely used to be kept. */
async function asAdmin<T>(options: ConnectionOptions, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = connectionOf(options, RETRIES).admin();
  try {
    await admin.connect();
    return await ask(admin);
  } catch (cause) {
    if (cause instanceof KafkaError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new KafkaError(
      'unreachable',
      `Kafka at ${options.brokers.join(', ')} does not answer (${reason}): start it or correct KAFKA_BROKERS`,
      cause,
    );
  } finally {
    await admin.disconnect().catch(() => {});
  }
}
