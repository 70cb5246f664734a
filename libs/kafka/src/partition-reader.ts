import { setTimeout as delay } from 'node:timers/promises';
import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX } from '@recant/events';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { type OffsetRange, readOffsetRange, readOffsetRanges } from './admin.ts';
import type { ConnectionOptions, KafkaLog } from './connection.ts';
import { HeartbeatFailed, withHeartbeats } from './heartbeat.ts';
import {
  createPartitionState,
  misfit,
  type PartitionState,
  placeBatch,
  type ReadState,
  restMs,
  retryDelayMs,
  type StoredPosition,
} from './partition-state.ts';
import { type MessageBatch, type SliceBounds, slicesOf } from './slices.ts';
import type { TopicIdentity } from './topic-identity.ts';

export interface ReaderOptions extends ConnectionOptions {
  readonly topic: string;
  readonly log: KafkaLog;
  /** The stored position; undefined for a partition that was never read. Rejects if the store is unavailable. */
  readPosition(topic: string, partition: number): Promise<StoredPosition | undefined>;
  /** Stores the first position of a partition. */
  adoptPosition(topic: string, partition: number, position: StoredPosition): Promise<void>;
  /** Appends a batch and moves the position in one transaction. `moved`: the stored position differs. Rejects if the store is unavailable: nothing was appended. */
  append(batch: MessageBatch): Promise<'appended' | 'moved'>;
  readonly bounds?: SliceBounds;
}

export interface PartitionStatus {
  readonly partition: number;
  readonly state: ReadState;
  readonly reason: string | undefined;
  /** Messages that the broker has and the store does not; undefined before the first batch. */
  readonly lag: bigint | undefined;
}

/** Milliseconds between two commits of a partition that has more to read. */
const COMMIT_MS = 5_000;
const BOUNDS: SliceBounds = { eventsMax: BATCH_EVENTS_MAX, bytesMax: BATCH_BYTES_MAX };

/**
 * Invariants: a partition's batches are appended in offset order, each exactly from the stored position; what is committed to the broker is
 * never read;
 * a store error never leaves `eachBatch`, so that the group does not rebalance while partitions pause.
 */
export class PartitionReader {
  /** Identity of the topic; set before the first batch. A position of another one stops its partition. */
  cluster = '';
  readonly #options: ReaderOptions;
  readonly #identity: Pick<TopicIdentity, 'read'>;
  readonly #later: (ms: number, act: () => Promise<void>) => void;
  readonly #partitions = new Map<number, PartitionState>();

  /** @param later runs `act` after `ms` milliseconds, unless the consumer was stopped */
  constructor(options: ReaderOptions, identity: Pick<TopicIdentity, 'read'>, later: (ms: number, act: () => Promise<void>) => void) {
    this.#options = options;
    this.#identity = identity;
    this.#later = later;
  }

  status(): readonly PartitionStatus[] {
    return [...this.#partitions.values()].map(({ id, state, reason, expected, high }) => ({
      partition: id,
      state,
      reason,
      lag: expected === undefined || high === undefined ? undefined : high - expected,
    }));
  }

  isHalted(partition: number): boolean {
    const found = this.#partitions.get(partition);
    return found !== undefined && found.state !== 'running';
  }

  /** Forgets positions, because another member may have moved them. `verify` follows. */
  assigned(partitions: readonly number[]): void {
    for (const partition of this.#partitions.values()) {
      partition.expected = undefined;
      partition.sought = undefined;
      if (!partitions.includes(partition.id)) this.#partitions.delete(partition.id);
    }
  }

  /**
   * Compares stored positions with the broker: a position that does not fit stops its partition, one that a person adopted resumes it, and a partition
   * without one gets its first before its first message, so that messages that the broker drops in between are noticed.
   * @param identity of the topic, see `readTopicIdentity`
   * @param all compares every partition, not only the stopped ones and those whose topic was replaced
   */
  async verify(consumer: Consumer, identity: string, partitions: readonly number[], all: boolean): Promise<void> {
    const isDue = ({ checked, state }: PartitionState): boolean => all || checked !== identity || state === 'stopped';
    const due = partitions.map((id) => this.#partitionOf(id)).filter(isDue);
    this.cluster = identity;
    if (due.length === 0) return;
    const ranges = await readOffsetRanges(this.#options, this.#options.topic);
    for (const partition of due) {
      await this.#verifyOne(consumer, identity, partition, ranges.get(partition.id) ?? { low: 0n, high: 0n });
      partition.checked = identity;
    }
  }

  async #verifyOne(consumer: Consumer, identity: string, partition: PartitionState, range: OffsetRange): Promise<void> {
    const { id } = partition;
    const { topic, log } = this.#options;
    const stored = await this.#options.readPosition(topic, id);
    if (stored === undefined) return this.#options.adoptPosition(topic, id, { cluster: identity, next: range.low });
    const reason = misfit(stored, identity, range);
    if (reason !== undefined) this.#stop(consumer, partition, reason);
    else if (partition.state === 'stopped') {
      Object.assign(partition, createPartitionState(id));
      consumer.seek({ topic, partition: id, offset: stored.next.toString() });
      consumer.resume([{ topic, partitions: [id] }]);
      log.info({ topic, partition: id, next: stored.next.toString() }, 'kafka: partition resumed at the adopted position');
    }
  }

  #partitionOf(id: number): PartitionState {
    const partition = this.#partitions.get(id) ?? createPartitionState(id);
    this.#partitions.set(id, partition);
    return partition;
  }

  async eachBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const id = payload.batch.partition;
    const partition = this.#partitionOf(id);
    if (partition.state === 'stopped') {
      payload.pause();
      return;
    }
    try {
      await this.#appendBatch(consumer, payload, partition);
    } catch (error) {
      if (error instanceof HeartbeatFailed) throw error.cause;
      this.#pause(payload, partition, error);
    }
  }

  async #appendBatch(consumer: Consumer, payload: EachBatchPayload, partition: PartitionState): Promise<void> {
    const { batch } = payload;
    const from = await this.#place(consumer, partition, fetchedOffsetOf(payload));
    if (from === undefined || !(await this.#isSameTopic(consumer, partition))) return;
    const place = { cluster: this.cluster, topic: batch.topic, partition: partition.id, from, next: BigInt(batch.lastOffset()) + 1n };
    let appendMs = 0;
    for (const slice of slicesOf(place, batch.messages, this.#options.bounds ?? BOUNDS)) {
      if (!payload.isRunning() || payload.isStale()) return;
      const startedAt = performance.now();
      const outcome = await withHeartbeats(payload.heartbeat, () => this.#options.append(slice));
      if (outcome === 'moved') {
        partition.expected = undefined;
        await this.#place(consumer, partition, undefined);
        return;
      }
      partition.expected = slice.next;
      partition.sought = undefined;
      partition.high = BigInt(batch.highWatermark);
      this.#resumed(partition);
      this.#commit(consumer, partition, slice.next);
      payload.resolveOffset((slice.next - 1n).toString());
      appendMs = performance.now() - startedAt;
    }
    if (place.next >= BigInt(batch.highWatermark)) await delay(restMs(appendMs));
  }

  /**
   * Asked after the fetch and before the append: a topic id is never used again, so an unchanged one proves that these messages are of the topic that the position
   * refers to. kafkajs goes on silently in a topic of the same name.
   */
  async #isSameTopic(consumer: Consumer, partition: PartitionState): Promise<boolean> {
    const identity = await this.#identity.read();
    if (identity === this.cluster) return true;
    this.cluster = identity;
    await this.#place(consumer, partition, undefined);
    return false;
  }

  /** First offset that a batch read from `fetched` covers; undefined if it must be read again from another offset, or the partition stopped. */
  async #place(consumer: Consumer, partition: PartitionState, fetched: bigint | undefined): Promise<bigint | undefined> {
    if (fetched !== undefined && partition.expected === fetched) return fetched;
    const { topic } = this.#options;
    const stored = await this.#options.readPosition(topic, partition.id);
    const range = await readOffsetRange(this.#options, topic, partition.id);
    if (!stored) await this.#options.adoptPosition(topic, partition.id, { cluster: this.cluster, next: range.low });
    const reason = stored && misfit(stored, this.cluster, range);
    if (reason !== undefined) {
      this.#stop(consumer, partition, reason);
      return undefined;
    }
    partition.expected = stored?.next ?? range.low;
    const placement = placeBatch(partition.expected, partition.sought, fetched ?? -1n);
    if (placement.kind === 'append') return placement.from;
    partition.sought = placement.to;
    consumer.seek({ topic, partition: partition.id, offset: placement.to.toString() });
    return undefined;
  }

  /** Tells the broker, for its own tools: nothing is read from there. A failure is repaired by the next one. */
  #commit(consumer: Consumer, partition: PartitionState, next: bigint): void {
    const now = performance.now();
    if (now - partition.committedAt < COMMIT_MS && next !== partition.high) return;
    partition.committedAt = now;
    const { topic } = this.#options;
    consumer.commitOffsets([{ topic, partition: partition.id, offset: next.toString() }]).catch(() => {});
  }

  #pause(payload: EachBatchPayload, partition: PartitionState, error: unknown): void {
    partition.failures += 1;
    partition.expected = undefined;
    const resume = payload.pause();
    if (partition.state !== 'paused') {
      this.#options.log.warn({ partition: partition.id, err: error }, 'kafka: partition paused, store or broker unavailable');
    }
    partition.state = 'paused';
    partition.reason = error instanceof Error ? error.message : String(error);
    this.#later(retryDelayMs(partition.failures), async () => resume());
  }

  #resumed(partition: PartitionState): void {
    if (partition.state === 'paused')
      this.#options.log.info({ partition: partition.id, failures: partition.failures }, 'kafka: partition resumed');
    partition.state = 'running';
    partition.reason = undefined;
    partition.failures = 0;
  }

  #stop(consumer: Consumer, partition: PartitionState, reason: string): void {
    const { topic, log } = this.#options;
    consumer.pause([{ topic, partitions: [partition.id] }]);
    const isKnown = partition.state === 'stopped' && partition.reason === reason;
    partition.state = 'stopped';
    partition.reason = reason;
    const fields = { alarm: 'kafka_position', topic, partition: partition.id, reason };
    if (!isKnown) log.error(fields, 'kafka: partition stopped; adopt a new position');
  }
}

/** Offset requested from the broker. kafkajs sets it on the batch but does not declare it, hence the double cast. */
function fetchedOffsetOf({ batch }: EachBatchPayload): bigint {
  return BigInt((batch as unknown as { readonly fetchedOffset: string }).fetchedOffset);
}
