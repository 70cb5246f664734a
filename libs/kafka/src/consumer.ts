import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import { boundFetches } from './bounded-fetch.ts';
import { type ConnectionOptions, connectionOf, type KafkaLog } from './connection.ts';
import { PartitionReader, type PartitionStatus, type ReaderOptions } from './partition-reader.ts';
import { openTopicIdentity, type TopicIdentity } from './topic-identity.ts';

/** The broker removes a member after this long without a heartbeat. */
const SESSION_MS = 30_000;
const HEARTBEAT_MS = 3_000;
/** Longest wait of one fetch, so also the delay before a resumed partition is read again. */
const FETCH_WAIT_MS = 500;
/** About one transaction: 1,600 events of 1 kB. */
const PARTITION_BYTES_MAX = 2_097_152;
/** Memory of one fetch, before decoding. */
const FETCH_BYTES_MAX = 8_388_608;
/** kafkajs can stall silently: after this long without a fetch or heartbeat the consumer is recreated. */
const STALL_MS = 60_000;
const RESTART_MS = 1_000;
/** Milliseconds that a stop waits for the broker. */
const STOP_MS_MAX = 5_000;

export interface ConsumerOptions extends ConnectionOptions, Omit<ReaderOptions, 'brokers' | 'clientId'> {
  readonly groupId: string;
  readonly log: KafkaLog;
  /** Partitions processed concurrently; at least 2, so that one waiting for a lock does not delay the others. */
  readonly partitionsConcurrently?: number;
  readonly sessionMs?: number;
}

export interface EventConsumer {
  /** Rejects if no broker can be reached: call it again. Does nothing if it runs. */
  start(): Promise<void>;
  /** Finishes running transactions and leaves the group, in at most STOP_MS_MAX: a broker that is away removes the member by itself. */
  stop(): Promise<void>;
  /** Partitions read by this process since it joined. */
  status(): readonly PartitionStatus[];
  /** Milliseconds since the last successful fetch, an empty one included, or since the start. 0 while there is nothing to fetch: no partition, or all are halted. */
  silentMs(): number;
}

/** One member of a consumer group; recreated when kafkajs gives up or stalls. */
export function createConsumer(options: ConsumerOptions): EventConsumer {
  return new GroupMember(options);
}

class GroupMember implements EventConsumer {
  readonly #options: ConsumerOptions;
  readonly #reader: PartitionReader;
  readonly #identity: TopicIdentity;
  readonly #timers = new Set<NodeJS.Timeout>();
  #consumer: Consumer | undefined;
  #stopping = false;
  #assigned: readonly number[] = [];
  #startedAt = performance.now();
  /** Of the last successful fetch. */
  #fetchedAt = 0;
  /** Of the last fetch, heartbeat or join. */
  #heardAt = 0;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#identity = openTopicIdentity(options, options.topic);
    this.#reader = new PartitionReader(options, this.#identity, (ms, act) => this.#later(ms, act));
  }

  async start(): Promise<void> {
    if (this.#consumer !== undefined) return;
    this.#startedAt = performance.now();
    try {
      await this.#run();
    } catch (error) {
      this.#discard();
      throw error;
    }
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const left = this.#consumer?.disconnect().catch((err) => this.#options.log.warn({ err }, 'kafka: consumer did not leave its group'));
    await Promise.race([Promise.all([left, this.#identity.close()]), delay(STOP_MS_MAX, undefined, { ref: false })]);
  }

  status(): readonly PartitionStatus[] {
    return this.#reader.status();
  }

  silentMs(): number {
    const idle = this.#assigned.length === 0 || this.#assigned.every((partition) => this.#reader.isHalted(partition));
    const from = Math.max(this.#startedAt, this.#fetchedAt, idle ? this.#heardAt : 0);
    return performance.now() - from;
  }

  async #run(): Promise<void> {
    boundFetches();
    // Read at each start: behind the same address there may be another cluster.
    this.#reader.cluster = await this.#identity.read();
    const { topic, groupId, sessionMs = SESSION_MS } = this.#options;
    const consumer = connectionOf(this.#options).consumer({
      // This class restarts it: kafkajs's own restart would survive a stop.
      retry: { restartOnFailure: async () => false },
      groupId,
      sessionTimeout: sessionMs,
      heartbeatInterval: Math.min(HEARTBEAT_MS, sessionMs / 3),
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
      partitionsConsumedConcurrently: this.#options.partitionsConcurrently ?? 4,
      eachBatch: (payload) => this.#reader.eachBatch(consumer, payload),
    });
  }

  #listen(consumer: Consumer): void {
    this.#heardAt = performance.now();
    const heard = () => {
      this.#heardAt = performance.now();
    };
    consumer.on(consumer.events.FETCH, () => {
      heard();
      this.#fetchedAt = this.#heardAt;
    });
    consumer.on(consumer.events.HEARTBEAT, heard);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      heard();
      // A stopped service must hold no partition, even if the broker was away while it stopped.
      if (this.#stopping) return void consumer.disconnect().catch(() => {});
      this.#assigned = payload.memberAssignment[this.#options.topic] ?? [];
      this.#options.log.info({ groupId: payload.groupId, partitions: this.#assigned }, 'kafka: partitions assigned');
      this.#reader.assigned(this.#assigned);
      void this.#verify(consumer, true);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#options.log.error({ err: payload.error, restarts: payload.restart }, 'kafka: consumer crashed');
      if (!payload.restart && consumer === this.#consumer) this.#later(RESTART_MS, () => this.#restart());
    });
  }

  /** A failure leaves it to the next batch, or to the next time. */
  async #verify(consumer: Consumer, all: boolean): Promise<void> {
    try {
      const identity = await this.#identity.read();
      if (consumer === this.#consumer && !this.#stopping) await this.#reader.verify(consumer, identity, this.#assigned, all);
    } catch (err) {
      this.#options.log.debug({ err }, 'kafka: positions not verified');
    }
  }

  #discard(): void {
    this.#consumer?.disconnect().catch(() => {});
    this.#consumer = undefined;
  }

  /** Replaces a crashed or stalled consumer. Two at once are harmless: the stored position accepts batches from one of them. */
  async #restart(): Promise<void> {
    this.#discard();
    if (this.#stopping) return;
    try {
      await this.#run();
    } catch (err) {
      this.#options.log.error({ err }, 'kafka: consumer failed to start; retrying');
      this.#later(RESTART_MS, () => this.#restart());
    }
  }

  #watch(): void {
    this.#later(STALL_MS / 6, async () => {
      if (performance.now() - this.#heardAt > STALL_MS) {
        this.#options.log.error({ silentMs: STALL_MS }, 'kafka: consumer stalled; recreating it');
        await this.#restart();
      } else if (this.#consumer !== undefined) await this.#verify(this.#consumer, false);
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
}
