import { randomBytes } from 'node:crypto';
import { TOPIC_EVENTS } from '@recant/events';
import { createConsumer, type EventConsumer, ensureTopic, type KafkaSecurity } from '@recant/kafka';
import { type ActRecorder, createRouter, type HealthCheck, type Logger, type Router } from '@recant/service';
import { PositionMoved, type Store } from '@recant/store';
import { createLedgerActs } from './acts.ts';
import { createGroupCommit, type GroupCommitOptions } from './group-commit.ts';
import { ingestRoutes } from './ingest.ts';
import { takeMessages } from './intake.ts';
import { keyRoutes } from './keys.ts';
import { logRoutes } from './logs.ts';
import { queryRoutes } from './queries.ts';
import { sourceRoutes } from './sources.ts';
import { type EvidenceOptions, wireEvidence } from './wire-evidence.ts';

export { createLedgerActs } from './acts.ts';
export { EVIDENCE_ENV, placesOf } from './places.ts';
export { newSigningKey, parseSigningKeys, readSigningKeys, type SigningKeys } from './signing-keys.ts';

/** Members of this group share the partitions; two deployments with one name would split the stream. */
const GROUP_ID = 'recant.ledger';

/** A broker that says nothing for this long is away. */
const KAFKA_SILENT_MS = 30_000;

export interface LedgerDeps {
  /** Migrated. Closed by whoever made it, after `stop`. */
  readonly store: Store;
  readonly logger: Logger;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Partitions of the topic. */
  readonly shards: number;
  /** Without it events come over HTTP only. */
  readonly kafka?: KafkaSecurity & {
    readonly brokers: readonly string[];
    readonly topic?: string;
    readonly groupId?: string;
    readonly partitionsConcurrently?: number;
  };
  /** How much may wait for the store. */
  readonly groupCommit?: GroupCommitOptions;
  /** Without it nothing is signed, and no anchor is asked. */
  readonly evidence?: EvidenceOptions;
}

export interface WiredLedger {
  readonly routers: readonly Router[];
  readonly health: Readonly<Record<string, HealthCheck>>;
  /** For every service on the same listener. */
  readonly acts: ActRecorder;
  /** Starts to read Kafka, where there is one. Rejects with one line where the broker or the topic is not right. */
  start(): Promise<void>;
  /** Answers what waits, finishes the transactions that run. Call it after the listener was closed. */
  stop(): Promise<void>;
}

/** Which adapter fills which port of the ledger service. Nothing runs before `start` but what requests ask for. */
export function wireLedger({ store, logger, clock, shards, kafka, evidence: options, groupCommit: waiting }: LedgerDeps): WiredLedger {
  const evidence = wireEvidence({ store, logger: logger.child({ part: 'evidence' }), clock, shards, ...options });
  const groupCommit = createGroupCommit(store.appender, waiting);
  const acts = createLedgerActs({ groupCommit, logger: logger.child({ part: 'acts' }), clock, random16: () => randomBytes(16) });
  const consumer = kafka && createLedgerConsumer(store, logger, kafka);
  const routes = [
    ...ingestRoutes({ groupCommit, parts: store.parts }),
    ...queryRoutes(store.queries, clock),
    ...logRoutes(store.queries),
    ...sourceRoutes(store.queries, clock),
    ...keyRoutes(store.credentials, clock),
    ...evidence.routes,
  ];
  return {
    routers: [createRouter('ledger', routes)],
    health: { store: checkStore(store), evidence: evidence.health, ...(consumer ? { kafka: checkConsumer(consumer) } : {}) },
    acts,
    async start() {
      evidence.start();
      if (!kafka || !consumer) return;
      await ensureTopic(connectionOf(kafka), kafka.topic ?? TOPIC_EVENTS, shards);
      await consumer.start();
    },
    async stop() {
      await consumer?.stop();
      await acts.close();
      await groupCommit.close();
      await evidence.stop();
    },
  };
}

function createLedgerConsumer(store: Store, parent: Logger, kafka: NonNullable<LedgerDeps['kafka']>): EventConsumer {
  const { appender, credentials, parts, positions } = store;
  const logger = parent.child({ part: 'kafka' });
  return createConsumer({
    ...connectionOf(kafka),
    topic: kafka.topic ?? TOPIC_EVENTS,
    groupId: kafka.groupId ?? GROUP_ID,
    log: logger,
    ...(kafka.partitionsConcurrently === undefined ? {} : { partitionsConcurrently: kafka.partitionsConcurrently }),
    readPosition: async (topic, partition) => (await positions.read(topic)).find((position) => position.partition === partition),
    adoptPosition: async (topic, partition, position) => {
      await positions.adopt(topic, { partition, ...position }, undefined);
    },
    async take(batch) {
      try {
        await takeMessages(batch, { keyring: credentials, appender, parts, logger });
        return 'taken';
      } catch (error) {
        if (error instanceof PositionMoved) return 'moved';
        throw error;
      }
    },
  });
}

function connectionOf({ brokers, tls, sasl }: NonNullable<LedgerDeps['kafka']>) {
  return { brokers, ...(tls && { tls }), ...(sasl && { sasl }) };
}

function checkStore(store: Store): HealthCheck {
  return async () => {
    await store.ping();
    return { status: 'ok' };
  };
}

function checkConsumer(consumer: EventConsumer): HealthCheck {
  return async () => {
    if (consumer.silentMs() > KAFKA_SILENT_MS)
      return { status: 'degraded', detail: `Kafka has not answered for ${Math.round(consumer.silentMs() / 1_000)} s` };
    const halted = consumer.status().filter(({ state }) => state !== 'running');
    if (halted.length === 0) return { status: 'ok' };
    return {
      status: 'degraded',
      detail: halted.map(({ partition, state, reason }) => `partition ${partition} ${state}: ${reason}`).join('; '),
    };
  };
}
