import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX } from '@recant/events';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { describeCluster, readOffsetRange } from './admin.ts';
import { type ConnectionOptions, connectionOf, type KafkaLog } from './connection.ts';
import { createLane, type Lane, type LaneState, placeBatch, retryDelayMs, type StoredPosition } from './lane.ts';
import { type MessageBatch, type SliceBounds, slicesOf } from './slices.ts';

/** The broker takes a member for dead after this. */
const SESSION_MS = 30_000;
const HEARTBEAT_MS = 3_000;
/** Longest wait of one fetch: also how fast a resumed partition is read again. */
const FETCH_WAIT_MS = 500;
const PARTITION_BYTES_MAX = 1_048_576;
/** Memory of one fetch, before decoding. */
const FETCH_BYTES_MAX = 8_388_608;
/** kafkajs can stop without a word: no fetch and no heartbeat for this long, and the consumer is made anew. */
const STALL_MS = 60_000;
const RESTART_MS = 1_000;

export interface ConsumerOptions extends ConnectionOptions {
  readonly topic: string;
  readonly groupId: string;
  readonly log: KafkaLog;
  /** The stored position; undefined where this partition was never read. Rejects where the store is away. */
  readPosition(topic: string, partition: number): Promise<StoredPosition | undefined>;
  /** Stores the first position of a partition that has none. */
  adoptPosition(topic: string, partition: number, position: StoredPosition): Promise<void>;
  /** Takes a batch and its position in one transaction. `moved`: the stored position is another one. Rejects where the store is away: nothing was taken. */
  take(batch: MessageBatch): Promise<'taken' | 'moved'>;
  /** Partitions that are worked on at once; at least 2, so that one that waits for a lock does not hold up the rest. */
  readonly partitionsConcurrently?: number;
  readonly bounds?: SliceBounds;
  readonly sessionMs?: number;
}

export interface PartitionStatus {
  readonly partition: number;
  readonly state: LaneState;
  readonly reason: string | undefined;
}

export interface EventConsumer {
  /** Rejects where the broker cannot be reached at all. */
  start(): Promise<void>;
  /** Finishes the transactions that run, and leaves the group. */
  stop(): Promise<void>;
  /** Partitions that were read by this process since it joined. */
  status(): readonly PartitionStatus[];
}

export function createConsumer(options: ConsumerOptions): EventConsumer {
  return new PartitionReader(options);
}

/**
 * Invariants: a partition's batches are taken in offset order, each exactly from the stored position; nothing is committed to the broker;
 * an error of the store never leaves `eachBatch`, so that the group stays as it is while partitions pause.
 */
class PartitionReader implements EventConsumer {
  readonly #options: ConsumerOptions;
  readonly #lanes = new Map<number, Lane>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #consumer: Consumer | undefined;
  #cluster = '';
  #stopping = false;
  #aliveAt = 0;

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#cluster = (await describeCluster(this.#options)).id;
    await this.#run();
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await this.#consumer?.disconnect();
  }

  status(): readonly PartitionStatus[] {
    return [...this.#lanes.values()].map(({ partition, state, reason }) => ({ partition, state, reason }));
  }

  async #run(): Promise<void> {
    const { topic, groupId } = this.#options;
    const consumer = connectionOf(this.#options).consumer({
      groupId,
      sessionTimeout: this.#options.sessionMs ?? SESSION_MS,
      heartbeatInterval: Math.min(HEARTBEAT_MS, (this.#options.sessionMs ?? SESSION_MS) / 3),
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytesPerPartition: PARTITION_BYTES_MAX,
      maxBytes: FETCH_BYTES_MAX,
      allowAutoTopicCreation: false,
    });
    this.#consumer = consumer;
    this.#listen(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.#options.partitionsConcurrently ?? 2,
      eachBatch: (payload) => this.#eachBatch(consumer, payload),
    });
  }

  #listen(consumer: Consumer): void {
    const alive = () => {
      this.#aliveAt = performance.now();
    };
    alive();
    consumer.on(consumer.events.FETCH, alive);
    consumer.on(consumer.events.HEARTBEAT, alive);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      alive();
      const partitions = payload.memberAssignment[this.#options.topic] ?? [];
      this.#options.log.info({ groupId: payload.groupId, partitions }, 'reads partitions');
      // Somebody else may have read on meanwhile. What was stopped stays stopped: only a person changes that.
      for (const lane of this.#lanes.values()) {
        lane.expected = undefined;
        lane.sought = undefined;
        if (!partitions.includes(lane.partition) && lane.state !== 'stopped') this.#lanes.delete(lane.partition);
      }
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#options.log.error({ err: payload.error, restarts: payload.restart }, 'consumer crashed');
      if (!payload.restart && consumer === this.#consumer) this.#later(RESTART_MS, () => this.#restart());
    });
  }

  /** A new consumer in place of one that died or hangs. */
  async #restart(): Promise<void> {
    const old = this.#consumer;
    this.#consumer = undefined;
    old?.disconnect().catch(() => {});
    if (this.#stopping) return;
    try {
      await this.#run();
    } catch (err) {
      this.#options.log.error({ err }, 'consumer does not start; trying again');
      this.#later(RESTART_MS, () => this.#restart());
    }
  }

  #watch(): void {
    this.#later(STALL_MS / 6, async () => {
      if (performance.now() - this.#aliveAt > STALL_MS) {
        this.#options.log.error({ silentMs: STALL_MS }, 'consumer hangs; making it anew');
        await this.#restart();
      }
      this.#watch();
    });
  }

  #later(ms: number, act: () => Promise<void>): void {
    if (this.#stopping) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void act();
    }, ms);
    this.#timers.add(timer);
  }

  async #eachBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
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
    const fetched = fetchedOffsetOf(payload);
    const from = await this.#place(consumer, payload, lane, fetched);
    if (from === undefined) return;
    const place = { cluster: this.#cluster, topic: batch.topic, partition: lane.partition, from, next: BigInt(batch.lastOffset()) + 1n };
    for (const slice of slicesOf(
      place,
      batch.messages,
      this.#options.bounds ?? { eventsMax: BATCH_EVENTS_MAX, bytesMax: BATCH_BYTES_MAX },
    )) {
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
    if (stored && stored.cluster !== this.#cluster) {
      this.#stop(payload, lane, `the ledger's position is of cluster ${stored.cluster}, this is ${this.#cluster}`);
      return undefined;
    }
    const range = await readOffsetRange(this.#options, topic, lane.partition);
    if (!stored) await this.#options.adoptPosition(topic, lane.partition, { cluster: this.#cluster, next: range.low });
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
    const ms = retryDelayMs(lane.failures);
    if (lane.state !== 'paused')
      this.#options.log.warn({ partition: lane.partition, err: error }, 'partition paused: the store does not take it');
    lane.state = 'paused';
    lane.reason = error instanceof Error ? error.message : String(error);
    this.#later(ms, async () => resume());
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

/** kafkajs wants the group rejoined: the one error that has to leave `eachBatch`. */
class HeartbeatFailed extends Error {}

/** Keeps the membership while `work` takes its time. */
async function withHeartbeats<T>(heartbeat: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  let failed: unknown;
  const beat = () =>
    heartbeat().catch((error: unknown) => {
      failed ??= error;
    });
  const timer = setInterval(() => void beat(), HEARTBEAT_MS);
  try {
    const result = await work();
    await beat();
    if (failed !== undefined) throw new HeartbeatFailed('heartbeat failed', { cause: failed });
    return result;
  } finally {
    clearInterval(timer);
  }
}

/** Offset that the broker was asked for. kafkajs has it on the batch and not in its types. */
function fetchedOffsetOf({ batch }: EachBatchPayload): bigint {
  return BigInt((batch as unknown as { readonly fetchedOffset: string }).fetchedOffset);
}
