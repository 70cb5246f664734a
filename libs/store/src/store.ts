import { hkdfSync } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import { LEASE_MS } from '@recant/api';
import { OPERATOR_TENANT, SHARDS_DEFAULT } from '@recant/events';
import type { Appender, HeadStore, LogKey, PublishStore } from '@recant/ledger';
import type { LedgerReader, SourceReader } from '@recant/planner';
import type { StepLedger } from '@recant/runner';
import type pg from 'pg';
import { type Credentials, createCredentials } from './access/credentials.ts';
import { createParts, type Parts } from './access/parts.ts';
import { CONNECT_TIMEOUT_MS, createPool } from './access/pool.ts';
import { createSealer, type Sealer } from './access/sealer.ts';
import {
  COMMIT_LIMITS,
  KEYS_LIMITS,
  LONG_LIMITS,
  LOOKUP_LIMITS,
  PROJECT_LIMITS,
  PUBLISH_LIMITS,
  type SessionLimits,
  WORK_LIMITS,
} from './access/session-limits.ts';
import { createSystems, type Systems } from './access/systems.ts';
import { type Alarms, createAlarms } from './alarms/alarms.ts';
import { type AppendGuard, createAppender } from './append/appender.ts';
import type { Failpoints } from './append/failpoint.ts';
import { createFences, type Fences } from './fences/fences.ts';
import { createFreezes, type Freezes } from './freezes/freezes.ts';
import { createFreezeNews } from './freezes/news.ts';
import { PrismaClient } from './generated/client.ts';
import { createHeldMessages, type HeldMessages } from './held-messages.ts';
import { createKafkaPositions, type KafkaPositions } from './positions.ts';
import { createProjection, type Projection } from './project/projection.ts';
import { createHeadStore } from './publish/head-store.ts';
import { type EpochOpening, openEpochInStore } from './publish/open-epoch.ts';
import { createPublishStore } from './publish/publish-store.ts';
import { createPublished, type Published } from './publish/published.ts';
import { type ActionPage, type ActionQuery, readAction } from './query/action.ts';
import { type ActPage, type ActQuery, listActs } from './query/acts.ts';
import { similarAgents } from './query/agents.ts';
import { type AttemptPage, type AttemptQuery, listAttempts } from './query/attempts.ts';
import { type DeadLetterPage, type DeadLetterQuery, type LogSummary, listDeadLetters, listLogs } from './query/cold.ts';
import { type Measures, readMeasures } from './query/measures.ts';
import { createRulings, type Rulings } from './query/rulings.ts';
import {
  countSources,
  listSources,
  readSourceState,
  type SourcePage,
  type SourceQuery,
  type SourceState,
  type SourceTotals,
} from './query/sources.ts';
import { createLedgerReader } from './reader/ledger-reader.ts';
import { type ProbableRepeats, type RepeatOptions, type RepeatQuestion, readRepeats } from './reader/repeats.ts';
import { createSourceReader } from './reader/source-reader.ts';
import { createWebhooks, type Webhooks } from './webhooks/webhooks.ts';

export interface StoreOptions {
  readonly connectionString: string;
  /** MASTER_KEY_BYTES bytes: seals MAC secrets and the options of systems. */
  readonly masterKey: Uint8Array;
  /** Previous master keys, which still open what they sealed. */
  readonly olderMasterKeys?: readonly Uint8Array[];
  /** Milliseconds since 1970, UTC. Default: this machine's clock. */
  readonly clock?: () => number;
  readonly shards?: number;
  /** How long a lease permits new actions, in milliseconds. Default: LEASE_MS. */
  readonly leaseMs?: number;
  readonly failpoints?: Failpoints | undefined;
  /** Milliseconds that a question waits for read models that are behind. */
  readonly reachMs?: number | undefined;
}

/** Reads of one tenant's data; no query sees another tenant's. */
export interface Queries {
  attempts(tenant: string, query: AttemptQuery): Promise<AttemptPage>;
  action(tenant: string, action: string, query: ActionQuery): Promise<ActionPage>;
  acts(tenant: string, query: ActQuery): Promise<ActPage>;
  logs(tenant: string): Promise<readonly LogSummary[]>;
  sources(tenant: string, query: SourceQuery): Promise<SourcePage>;
  sourceTotals(tenant: string, nowMs: number, signal?: AbortSignal): Promise<SourceTotals>;
  deadLetters(tenant: string, query: DeadLetterQuery): Promise<DeadLetterPage>;
  /** Agents with names like this one, nearest first, at most three. */
  similarAgents(tenant: string, name: string): Promise<readonly string[]>;
  /** Undefined: the tenant has no such source. */
  sourceState(tenant: string, source: string, nowMs: number): Promise<SourceState | undefined>;
  /** Calls of other actions that are probably the same call, made twice. Undefined: no such plan. */
  repeats(tenant: string, question: RepeatQuestion, options: RepeatOptions): Promise<ProbableRepeats | undefined>;
}

export interface Store {
  readonly appender: Appender;
  readonly credentials: Credentials;
  readonly systems: Systems;
  readonly parts: Parts;
  readonly alarms: Alarms;
  readonly webhooks: Webhooks;
  readonly freezes: Freezes;
  readonly rulings: Rulings;
  readonly fences: Fences;
  readonly positions: KafkaPositions;
  /** Messages from Kafka that wait. */
  readonly held: HeldMessages;
  readonly projection: Projection;
  readonly queries: Queries;
  readonly ledgerReader: LedgerReader & StepLedger;
  readonly sourceReader: SourceReader;
  readonly publishing: PublishStore;
  readonly heads: HeadStore;
  readonly published: Published;
  /** @returns index of the statement's entry. @throws StoreError `already_exists` if the log's epoch differs from `opening.from`; `key_inactive` */
  openEpoch(log: LogKey, opening: EpochOpening): Promise<bigint>;
  /** Sets the guard: from now on nothing is appended to a log that it rejects. Called once. */
  guardLogs(guard: AppendGuard): void;
  readonly sealer: Sealer;
  /** For the rollback tables in the same database. */
  readonly pool: pg.Pool;
  /** Numbers for monitoring, at a cost that does not grow with history. */
  measures(): Promise<Measures>;
  /** Use of the connections of each purpose. */
  pools(): readonly PoolUse[];
  /** One round trip. @throws if the database is unreachable */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Connections of one purpose in this process. */
export interface PoolUse {
  readonly name: string;
  readonly inUse: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
  readonly limit: number;
}

/**
 * Connections by purpose, so that no purpose can use up those of another: an export delays no append, a publication no key look-up. Kafka has at most four
 * transactions at once, HTTP one, or three while earlier ones hang.
 */
const CONNECTIONS = { append: 8, project: 4, lookup: 2, keys: 2, publish: 4, read: 5, log: 2, work: 5 } as const;
type Purpose = keyof typeof CONNECTIONS;
const LIMITS: Readonly<Record<Purpose, SessionLimits>> = {
  append: COMMIT_LIMITS,
  project: PROJECT_LIMITS,
  lookup: LOOKUP_LIMITS,
  keys: KEYS_LIMITS,
  publish: PUBLISH_LIMITS,
  read: WORK_LIMITS,
  log: LONG_LIMITS,
  work: WORK_LIMITS,
};

/** Milliseconds that `close` waits for checked-out connections. */
const CLOSE_MS_MAX = 3_000;
/** Milliseconds. */
const TRANSACTION = { maxWait: CONNECT_TIMEOUT_MS, timeout: KEYS_LIMITS.leaseMs };

/** Connects on first use. Run `migrate` before. */
export function createStore(options: StoreOptions): Store {
  const { connectionString, masterKey, clock = Date.now, shards = SHARDS_DEFAULT, leaseMs = LEASE_MS, failpoints } = options;
  const open = (purpose: Purpose) => createPool(connectionString, CONNECTIONS[purpose], LIMITS[purpose]);
  const pools = { append: open('append'), project: open('project'), lookup: open('lookup'), keys: open('keys'), publish: open('publish') };
  const reads = { read: open('read'), log: open('log'), work: open('work') };
  const { read, log, work } = reads;
  const projection = createProjection(pools.project, read, { failpoints, reachMs: options.reachMs });
  const complete = <T>(tenant: string, question: () => Promise<T>): Promise<T> => projection.reach(tenant).then(question);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pools.keys, { schema: 'recant' }), transactionOptions: TRANSACTION });
  const sealer = createSealer(masterKey, options.olderMasterKeys);
  let guarding: AppendGuard = { admit: async () => {}, forget: () => {} };
  const news = createFreezeNews();
  const guard: AppendGuard = { admit: (log) => guarding.admit(log), forget: () => guarding.forget() };
  return {
    appender: createAppender(pools.append, { clock, shards, systemTenant: OPERATOR_TENANT, failpoints, guard }),
    credentials: createCredentials(pools.lookup, prisma, sealer, clock),
    systems: createSystems(prisma, sealer, clock),
    parts: createParts(pools.append),
    alarms: createAlarms(work, projection, clock),
    webhooks: createWebhooks(work),
    freezes: createFreezes(pools.lookup, read, leaseMs, news),
    rulings: createRulings(pools.lookup),
    fences: createFences(pools.lookup, read, news, projection),
    positions: createKafkaPositions(pools.lookup, OPERATOR_TENANT),
    held: createHeldMessages(work),
    projection,
    queries: {
      attempts: (tenant, query) => listAttempts(read, projection, tenant, query),
      action: (tenant, action, query) => complete(tenant, () => readAction(read, tenant, action, query)),
      acts: (tenant, query) => listActs(read, tenant, query),
      logs: (tenant) => listLogs(read, tenant),
      sources: (tenant, query) => listSources(read, tenant, query),
      sourceTotals: (tenant, ...rest) => countSources(read, tenant, ...rest),
      deadLetters: (tenant, query) => listDeadLetters(read, tenant, query),
      similarAgents: (tenant, name) => similarAgents(read, tenant, name),
      sourceState: (tenant, source, nowMs) => readSourceState(read, tenant, source, nowMs),
      repeats: (tenant, question, options) => complete(tenant, () => readRepeats(read, tenant, question, options)),
    },
    ledgerReader: createLedgerReader(log, projection, clock),
    sourceReader: createSourceReader(log, clock),
    publishing: createPublishStore(pools.publish, failpoints),
    heads: createHeadStore(pools.publish, OPERATOR_TENANT, headSecretOf(masterKey)),
    published: createPublished(read, projection, OPERATOR_TENANT),
    openEpoch: (log, opening) => openEpochInStore(pools.publish, log, opening),
    guardLogs(set) {
      guarding = set;
    },
    sealer,
    pool: work,
    measures: () => readMeasures(work),
    pools: () =>
      Object.entries({ ...pools, ...reads }).map(([name, { totalCount, idleCount, waitingCount }]) => ({
        ...{ name, inUse: totalCount - idleCount, waiting: waitingCount },
        limit: CONNECTIONS[name as Purpose],
      })),
    async ping() {
      await pools.lookup.query('SELECT 1');
    },
    async close() {
      await prisma.$disconnect();
      const all = [...Object.values(pools), ...Object.values(reads)];
      const ended = Promise.all(all.map((pool) => (pool.ended ? undefined : pool.end())));
      await Promise.race([ended, delay(CLOSE_MS_MAX, undefined, { ref: false })]);
    },
  };
}

/** Secret that head salts are derived from; reproducible from the master key. */
function headSecretOf(masterKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', masterKey, '', 'recant.heads.v1', 32));
}
