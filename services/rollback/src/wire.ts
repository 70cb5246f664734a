import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connector } from '@recant/connector';
import { filesystemConnector } from '@recant/connector-filesystem';
import { postgresConnector } from '@recant/connector-postgres';
import type { ApprovalRule } from '@recant/policy';
import { type Clock, createEmitter, type Failpoint, RUNNER_CONFIG, type RunnerConfig, type RunnerPorts } from '@recant/runner';
import { type ActRecorder, createRouter, type HealthCheck, type Logger, type Router } from '@recant/service';
import { createApprovals, createOutbox, createPlans, createRunStore, createRuns, type Store } from '@recant/store';
import { createRollbackActs } from './acts.ts';
import { objectionTo } from './approvals.ts';
import { approvalRoutes } from './approving.ts';
import type { RollbackCore } from './core.ts';
import { createRollbackLane, type LedgerAccess } from './event-transport.ts';
import { maskWords } from './masked-words.ts';
import { planRoutes } from './plans.ts';
import { runRoutes } from './runs.ts';
import { systemRoutes } from './systems.ts';
import { createTargets } from './targets.ts';
import { createWorker, WORKER_OPTIONS, type WorkerOptions } from './worker.ts';

export interface RollbackDeps {
  /** Migrated. Closed by whoever made it, after `stop`. */
  readonly store: Store;
  readonly logger: Logger;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Which plans need a second person. */
  readonly approvals: ApprovalRule;
  /** Where its own acts are recorded: nothing is undone without it. */
  readonly ledger: LedgerAccess;
  /** What it can undo on. Left out: postgres and filesystem. */
  readonly connectors?: readonly Connector[];
  readonly worker?: Partial<Omit<WorkerOptions, 'name'>>;
  readonly runner?: Partial<RunnerConfig>;
  readonly failpoint?: Failpoint | undefined;
}

export interface WiredRollback {
  readonly routers: readonly Router[];
  readonly health: Readonly<Record<string, HealthCheck>>;
  /** For a listener of its own; beside a ledger, the ledger's serves both. */
  readonly acts: ActRecorder;
  /** Starts to work on runs. */
  start(): Promise<void>;
  /** Brings what runs to a safe point. Call it after the listener was closed. */
  stop(): Promise<void>;
}

/** No tenant has this name. */
const NOBODY = '';

/** Which adapter fills which port of the rollback service. Nothing runs before `start` but what requests ask for. */
export function wireRollback(deps: RollbackDeps): WiredRollback {
  const { store, logger } = deps;
  const options: WorkerOptions = { ...WORKER_OPTIONS, ...deps.worker, name: randomUUID() };
  const clock: Clock = { now: deps.clock, sleep: (ms) => delay(ms) };
  const targets = createTargets(store.systems, maskWords(deps.connectors ?? [postgresConnector, filesystemConnector], randomBytes));
  const lane = createRollbackLane(store.credentials, deps.ledger);
  // Runs of other tenants are for the services that have their keys.
  const served = async () => (await lane.tenant()) ?? NOBODY;
  const outbox = createOutbox(store.pool, served);
  const { ledgerReader, queries, systems } = store;
  const random16 = () => new Uint8Array(randomBytes(16));
  const core: RollbackCore = {
    store: {
      ledgerReader,
      queries,
      systems,
      plans: createPlans(store.pool),
      runs: createRuns(store.pool),
      approvals: createApprovals(store.pool),
      outbox,
    },
    approvals: deps.approvals,
    targets,
    lane,
    clock,
    random16,
    wake: () => worker.wake(),
  };
  const ports: RunnerPorts = {
    store: createRunStore(store.pool, options.leaseMs, served),
    emitter: createEmitter(outbox, lane.transport),
    ledger: ledgerReader,
    targets,
    clock,
    random16,
    objection: (record) => objectionTo(core, record),
    ...(deps.failpoint ? { failpoint: deps.failpoint } : {}),
  };
  const worker = createWorker(core, ports, { ...RUNNER_CONFIG, ...deps.runner }, options, logger.child({ part: 'rollback' }));
  return {
    acts: createRollbackActs({ lane, logger: logger.child({ part: 'acts' }), clock: deps.clock, random16 }),
    routers: [
      createRouter('rollback', [...systemRoutes(systems, targets, lane), ...planRoutes(core), ...approvalRoutes(core), ...runRoutes(core)]),
    ],
    health: {
      async rollback() {
        await store.ping();
        return { status: 'ok' };
      },
    },
    async start() {
      worker.start();
    },
    async stop() {
      await worker.stop();
      await targets.close();
    },
  };
}
