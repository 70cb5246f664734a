import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX } from '@recant/events';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { readOffsetRange } from './admin.ts';
import type { ConnectionOptions, KafkaLog } from './connection.ts';
import { HeartbeatFailed, withHeartbeats } from './heartbeat.ts';
import {
  createPartitionState,
  type PartitionState,
  placeBatch,
  type ReadState,
  retryDelayMs,
  type StoredPosition,
} from './partition-state.ts';
import { type MessageBatch, type SliceBounds, slicesOf } from './slices.ts';

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
  /** Id; set before the first batch. A position stored for another cluster stops the partition. */
  cluster = '';
  readonly #options: ReaderOptions;
  readonly #later: (ms: number, act: () => Promise<void>) => void;
  readonly #partitions = new Map<number, PartitionState>();

  /** @param later runs `act` after `ms` milliseconds, unless the consumer was stopped */
  constructor(options: ReaderOptions, later: (ms: number, act: () => Promise<void>) => void) {
    this.#options = options;
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

  /** Forgets positions, because another member may have moved them. A stopped partition stays stopped until the service restarts. */
  assigned(partitions: readonly number[]): void {
    for (const partition of this.#partitions.values()) {
      partition.expected = undefined;
      partition.sought = undefined;
      if (!partitions.includes(partition.id) && partition.state !== 'stopped') this.#partitions.delete(partition.id);
    }
    for (const id of partitions) void this.#adoptFirst(id);
  }

  /**
   * A partition gets its position when it is assigned for the first time, not with its first message: messages that the broker drops in between are then
   * noticed. A failure leaves this to the first batch.
   */
  async #adoptFirst(id: number): Promise<void> {
    const { topic, log } = this.#options;
    try {
      if ((await this.#options.readPosition(topic, id)) !== undefined) return;
      const { low } = await readOffsetRange(this.#options, topic, id);
      await this.#options.adoptPosition(topic, id, { cluster: this.cluster, next: low });
    } catch (err) {
      log.warn({ err, topic, partition: id }, 'kafka: no first position stored yet');
    }
  }

  async eachBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const id = payload.batch.partition;
    const partition = this.#partitions.get(id) ?? createPartitionState(id);
    this.#partitions.set(id, partition);
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
    const from = await this.#place(consumer, payload, partition, fetchedOffsetOf(payload));
    if (from === undefined) return;
    const place = { cluster: this.cluster, topic: batch.topic, partition: partition.id, from, next: BigInt(batch.lastOffset()) + 1n };
    for (const slice of slicesOf(place, batch.messages, this.#options.bounds ?? BOUNDS)) {
      if (!payload.isRunning() || payload.isStale()) return;
      const outcome = await withHeartbeats(payload.heartbeat, () => this.#options.append(slice));
      if (outcome === 'moved') {
        partition.expected = undefined;
        await this.#place(consumer, payload, partition, undefined);
        return;
      }
      partition.expected = slice.next;
      partition.sought = undefined;
      partition.high = BigInt(batch.highWatermark);
      this.#resumed(partition);
      this.#commit(consumer, partition, slice.next);
      payload.resolveOffset((slice.next - 1n).toString());
    }
  }

  /** First offset that a batch read from `fetched` covers; undefined if it must be read again from another offset, or the partition stopped. */
  async #place(
    consumer: Consumer,
    payload: EachBatchPayload,
    partition: PartitionState,
    fetched: bigint | undefined,
  ): Promise<bigint | undefined> {
    if (fetched !== undefined && partition.expected === fetched) return fetched;
    const { topic } = this.#options;
    const stored = await this.#options.readPosition(topic, partition.id);
    if (stored && stored.cluster !== this.cluster) {
      this.#stop(payload, partition, `ledger position belongs to cluster ${stored.cluster}, connected to cluster ${this.cluster}`);
      return undefined;
    }
    const range = await readOffsetRange(this.#options, topic, partition.id);
    if (!stored) await this.#options.adoptPosition(topic, partition.id, { cluster: this.cluster, next: range.low });
    partition.expected = stored?.next ?? range.low;
    const placement = placeBatch(partition.expected, partition.sought, fetched ?? -1n, range);
    if (placement.kind === 'append') return placement.from;
    if (placement.kind === 'stop') this.#stop(payload, partition, placement.reason);
    else {
      partition.sought = placement.to;
      consumer.seek({ topic, partition: partition.id, offset: placement.to.toString() });
    }
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
      this.#options.log.warn({ partition: partition.id, err: error }, 'kafka: partition paused, store unavailable');
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

  #stop(payload: EachBatchPayload, partition: PartitionState, reason: string): void {
    payload.pause();
    partition.state = 'stopped';
    partition.reason = reason;
    const fields = { alarm: 'kafka_position', topic: this.#options.topic, partition: partition.id, reason };
    this.#options.log.error(fields, 'kafka: partition stopped; adopt a new position and restart');
  }
}

/** Offset requested from the broker. kafkajs sets it on the batch but does not declare it, hence the double cast. */
function fetchedOffsetOf({ batch }: EachBatchPayload): bigint {
  return BigInt((batch as unknown as { readonly fetchedOffset: string }).fetchedOffset);
}
