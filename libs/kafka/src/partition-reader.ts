import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX } from '@recant/events';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { readOffsetRange } from './admin.ts';
import type { ConnectionOptions, KafkaLog } from './connection.ts';
import { HeartbeatFailed, withHeartbeats } from './heartbeat.ts';
import { createLane, type Lane, type LaneState, placeBatch, retryDelayMs, type StoredPosition } from './lane.ts';
import { type MessageBatch, type SliceBounds, slicesOf } from './slices.ts';

export interface ReaderOptions extends ConnectionOptions {
  readonly topic: string;
  readonly log: KafkaLog;
  /** The stored position; undefined where this partition was never read. Rejects where the store is away. */
  readPosition(topic: string, partition: number): Promise<StoredPosition | undefined>;
  /** Stores the first position of a partition that has none. */
  adoptPosition(topic: string, partition: number, position: StoredPosition): Promise<void>;
  /** Takes a batch and its position in one transaction. `moved`: the stored position is another one. Rejects where the store is away: nothing was taken. */
  take(batch: MessageBatch): Promise<'taken' | 'moved'>;
  readonly bounds?: SliceBounds;
}

export interface PartitionStatus {
  readonly partition: number;
  readonly state: LaneState;
  readonly reason: string | undefined;
}

const BOUNDS: SliceBounds = { eventsMax: BATCH_EVENTS_MAX, bytesMax: BATCH_BYTES_MAX };

/**
 * Invariants: a partition's batches are taken in offset order, each exactly from the stored position; nothing is committed to the broker;
 * an error of the store never leaves `eachBatch`, so that the group stays as it is while partitions pause.
 */
export class PartitionReader {
  /** Set before the first batch; positions of another cluster are not ours. */
  cluster = '';
  readonly #options: ReaderOptions;
  readonly #later: (ms: number, act: () => Promise<void>) => void;
  readonly #lanes = new Map<number, Lane>();

  /** @param later runs something after so many milliseconds, unless the consumer was stopped */
  constructor(options: ReaderOptions, later: (ms: number, act: () => Promise<void>) => void) {
    this.#options = options;
    this.#later = later;
  }

  status(): readonly PartitionStatus[] {
    return [...this.#lanes.values()].map(({ partition, state, reason }) => ({ partition, state, reason }));
  }

  /** Somebody else may have read on meanwhile. What was stopped stays stopped: only a person changes that. */
  assigned(partitions: readonly number[]): void {
    for (const lane of this.#lanes.values()) {
      lane.expected = undefined;
      lane.sought = undefined;
      if (!partitions.includes(lane.partition) && lane.state !== 'stopped') this.#lanes.delete(lane.partition);
    }
  }

  async eachBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const { partition } = payload.batch;
    const lane = this.#lanes.get(partition) ?? createLane(partition);
    this.#lanes.set(partition, lane);
    if (lane.state === 'stopped') {
      payload.pause();
      return;
    }
    try {
      await this.#takeBatch(consumer, payload, lane);
    } catch (error) {
      if (error instanceof HeartbeatFailed) throw error.cause;
      this.#pause(payload, lane, error);
    }
  }

  async #takeBatch(consumer: Consumer, payload: EachBatchPayload, lane: Lane): Promise<void> {
    const { batch } = payload;
    const from = await this.#place(consumer, payload, lane, fetchedOffsetOf(payload));
    if (from === undefined) return;
    const place = { cluster: this.cluster, topic: batch.topic, partition: lane.partition, from, next: BigInt(batch.lastOffset()) + 1n };
    for (const slice of slicesOf(place, batch.messages, this.#options.bounds ?? BOUNDS)) {
      if (!payload.isRunning() || payload.isStale()) return;
      const outcome = await withHeartbeats(payload.heartbeat, () => this.#options.take(slice));
      if (outcome === 'moved') {
        lane.expected = undefined;
        await this.#place(consumer, payload, lane, undefined);
        return;
      }
      lane.expected = slice.next;
      lane.sought = undefined;
      this.#resumed(lane);
      payload.resolveOffset((slice.next - 1n).toString());
    }
  }

  /** First offset that a batch read from `fetched` stands for; undefined where it has to be read again elsewhere, or not at all. */
  async #place(consumer: Consumer, payload: EachBatchPayload, lane: Lane, fetched: bigint | undefined): Promise<bigint | undefined> {
    if (fetched !== undefined && lane.expected === fetched) return fetched;
    const { topic } = this.#options;
    const stored = await this.#options.readPosition(topic, lane.partition);
    if (stored && stored.cluster !== this.cluster) {
      this.#stop(payload, lane, `the ledger's position is of cluster ${stored.cluster}, this is ${this.cluster}`);
      return undefined;
    }
    const range = await readOffsetRange(this.#options, topic, lane.partition);
    if (!stored) await this.#options.adoptPosition(topic, lane.partition, { cluster: this.cluster, next: range.low });
    lane.expected = stored?.next ?? range.low;
    const placement = placeBatch(lane.expected, lane.sought, fetched ?? -1n, range);
    if (placement.kind === 'take') return placement.from;
    if (placement.kind === 'stop') this.#stop(payload, lane, placement.reason);
    else {
      lane.sought = placement.to;
      consumer.seek({ topic, partition: lane.partition, offset: placement.to.toString() });
    }
    return undefined;
  }

  #pause(payload: EachBatchPayload, lane: Lane, error: unknown): void {
    lane.failures += 1;
    lane.expected = undefined;
    const resume = payload.pause();
    if (lane.state !== 'paused') {
      this.#options.log.warn({ partition: lane.partition, err: error }, 'partition paused: the store does not take it');
    }
    lane.state = 'paused';
    lane.reason = error instanceof Error ? error.message : String(error);
    this.#later(retryDelayMs(lane.failures), async () => resume());
  }

  #resumed(lane: Lane): void {
    if (lane.state === 'paused') this.#options.log.info({ partition: lane.partition, failures: lane.failures }, 'partition goes on');
    lane.state = 'running';
    lane.reason = undefined;
    lane.failures = 0;
  }

  #stop(payload: EachBatchPayload, lane: Lane, reason: string): void {
    payload.pause();
    lane.state = 'stopped';
    lane.reason = reason;
    const what = { alarm: 'kafka_position', topic: this.#options.topic, partition: lane.partition, reason };
    this.#options.log.error(what, 'partition stopped: adopt a new position to go on');
  }
}

/** Offset that the broker was asked for. kafkajs has it on the batch and not in its types. */
function fetchedOffsetOf({ batch }: EachBatchPayload): bigint {
  return BigInt((batch as unknown as { readonly fetchedOffset: string }).fetchedOffset);
}
