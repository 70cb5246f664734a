import type { Consumer } from 'kafkajs';
import { describeCluster } from './admin.ts';
import { boundFetches } from './bounded-fetch.ts';
import { type ConnectionOptions, connectionOf, type KafkaLog } from './connection.ts';
import { PartitionReader, type PartitionStatus, type ReaderOptions } from './partition-reader.ts';

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

export interface ConsumerOptions extends ConnectionOptions, Omit<ReaderOptions, 'brokers' | 'clientId'> {
  readonly groupId: string;
  readonly log: KafkaLog;
  /** Partitions processed concurrently; at least 2, so that one waiting for a lock does not delay the others. */
  readonly partitionsConcurrently?: number;
  readonly sessionMs?: number;
}

export interface EventConsumer {
  /** Rejects if no broker can be reached. */
  start(): Promise<void>;
  /** Finishes running transactions and leaves the group. */
  stop(): Promise<void>;
  /** Partitions read by this process since it joined. */
  status(): readonly PartitionStatus[];
  /** Milliseconds since the broker last answered. */
  silentMs(): number;
}

/** One member of a consumer group; recreated when kafkajs gives up or stalls. */
export function createConsumer(options: ConsumerOptions): EventConsumer {
  return new GroupMember(options);
}

class GroupMember implements EventConsumer {
  readonly #options: ConsumerOptions;
  readonly #reader: PartitionReader;
  readonly #timers = new Set<NodeJS.Timeout>();
  #consumer: Consumer | undefined;
  #stopping = false;
  #aliveAt = 0;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#reader = new PartitionReader(options, (ms, act) => this.#later(ms, act));
  }

  async start(): Promise<void> {
    this.#reader.cluster = (await describeCluster(this.#options)).id;
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
    return this.#reader.status();
  }

  silentMs(): number {
    return performance.now() - this.#aliveAt;
  }

  async #run(): Promise<void> {
    boundFetches();
    const { topic, groupId, sessionMs = SESSION_MS } = this.#options;
    const consumer = connectionOf(this.#options).consumer({
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
    const alive = () => {
      this.#aliveAt = performance.now();
    };
    alive();
    consumer.on(consumer.events.FETCH, alive);
    consumer.on(consumer.events.HEARTBEAT, alive);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      alive();
      const partitions = payload.memberAssignment[this.#options.topic] ?? [];
      this.#options.log.info({ groupId: payload.groupId, partitions }, 'kafka: partitions assigned');
      this.#reader.assigned(partitions);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#options.log.error({ err: payload.error, restarts: payload.restart }, 'kafka: consumer crashed');
      if (!payload.restart && consumer === this.#consumer) this.#later(RESTART_MS, () => this.#restart());
    });
  }

  /** Replaces a crashed or stalled consumer. Two at once are harmless: the stored position accepts batches from one of them. */
  async #restart(): Promise<void> {
    this.#consumer?.disconnect().catch(() => {});
    this.#consumer = undefined;
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
      if (this.silentMs() > STALL_MS) {
        this.#options.log.error({ silentMs: STALL_MS }, 'kafka: consumer stalled; recreating it');
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
}
