import { setTimeout as delay } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { type ConnectionOptions, connectionOf } from './connection.ts';
import { KafkaError } from './error.ts';
import { explainRefusal, isUnauthorized } from './explain-refusal.ts';

/** Retries of one request before the broker counts as unreachable. */
const RETRIES = 3;

/** Offsets that the broker still has: `[low, high)`. */
export interface OffsetRange {
  readonly low: bigint;
  readonly high: bigint;
}

/**
 * Creates the topic, or checks an existing one. A partition is a shard: another count would move sources to other shards.
 * @throws KafkaError `unreachable`, `access_refused`, `topic_mismatch`
 */
export function ensureTopic(options: ConnectionOptions, topic: string, partitions: number): Promise<void> {
  return asAdmin(options, async (admin) => {
    const refused = await admin
      .createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: -1 }], waitForLeaders: false })
      .then(
        () => undefined,
        (error: Error) => {
          // The topic may exist: its user then needs no right to create it.
          if (isUnauthorized(error)) return error;
          throw error;
        },
      );
    const found = await countPartitions(admin, topic).catch((error) => Promise.reject(refused ?? error));
    if (found === partitions) return;
    const advice = `set RECANT_SHARDS=${found}, or use another topic`;
    throw new KafkaError('topic_mismatch', `topic ${topic}: expected ${partitions} partitions (RECANT_SHARDS), got ${found}; ${advice}`);
  });
}

/** A new topic has no leaders at first and some brokers do not know it yet: metadata requests fail until then. */
async function countPartitions(admin: Admin, topic: string): Promise<number> {
  for (let left = TOPIC_TRIES; ; left--) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const all = topics[0]?.partitions ?? [];
      if (all.length > 0 && all.every(({ leader }) => leader >= 0)) return all.length;
    } catch (error) {
      if (left === 0 || !TOPIC_PENDING.has((error as { type?: string }).type ?? '')) throw error;
    }
    if (left === 0) throw new KafkaError('unreachable', `topic ${topic} has no leaders: check the brokers`);
    await delay(TOPIC_WAIT_MS);
  }
}
const TOPIC_PENDING = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);
const TOPIC_TRIES = 50;
const TOPIC_WAIT_MS = 100;

/** By partition. @throws KafkaError `unreachable`, `untrusted`, `access_refused` */
export function readOffsetRanges(options: ConnectionOptions, topic: string): Promise<ReadonlyMap<number, OffsetRange>> {
  return asAdmin(options, async (admin) => {
    const offsets = await admin.fetchTopicOffsets(topic);
    return new Map(offsets.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]));
  });
}

/** @throws KafkaError `unreachable`, `untrusted`, `access_refused` */
export async function readOffsetRange(options: ConnectionOptions, topic: string, partition: number): Promise<OffsetRange> {
  return (await readOffsetRanges(options, topic)).get(partition) ?? { low: 0n, high: 0n };
}

/** Connects for one request: admin requests are rare. */
export async function asAdmin<T>(options: ConnectionOptions, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = connectionOf(options, RETRIES).admin();
  try {
    await admin.connect();
    return await ask(admin);
  } catch (cause) {
    if (cause instanceof KafkaError) throw cause;
    throw explainRefusal(cause, options);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}
