import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connector } from '@recant/connector';
import { filesystemConnector } from '@recant/connector-filesystem';
import { postgresConnector } from '@recant/connector-postgres';
import type { Metrics } from '@recant/metrics';
import type { ApprovalRule, OnePerson } from '@recant/policy';
import { type Clock, createEmitter, type Failpoint, RUNNER_CONFIG, type RunnerConfig, type RunnerPorts } from '@recant/runner';
import { type ActRecorder, createRouter, type HealthCheck, type Logger, type Router } from '@recant/service';
import {
  createApprovals,
  createErasures,
  createOutbox,
  createPlans,
  createRunStore,
  createRuns,
  lastEventUnder,
  lastNumberOf,
  runProgressReader,
  type Store,
  type TenantCondition,
} from '@recant/store';
import { createRollbackActs } from './acts.ts';
import { createAlarmWatch } from './alarm-watch.ts';
import { objectionTo } from './approvals.ts';
import { approvalRoutes } from './approving.ts';
import type { RollbackCore } from './core.ts';
import { createCoverageWatch } from './coverage-watch.ts';
import { createDrains, DRAIN_OPTIONS, type DrainOptions, type Drains } from './drains/drains.ts';
import { createErasing } from './erasing.ts';
import { createFreezeWatch, type FreezeWatch } from './freeze-watch.ts';
import { createLedgerProducer, type LedgerAccess } from './ledger-producer.ts';
import { maskConnectors } from './masked-connectors.ts';
import { measureRollback } from './measure.ts';
import { planListRoutes } from './plan-lists.ts';
import { planRepeatsRoute } from './plan-repeats.ts';
import { planRowsRoute } from './plan-rows.ts';
import { planRoutes } from './plans.ts';
import { watchRunRoute } from './progress/watching.ts';
import { runTotalsRoute } from './run-totals.ts';
import { runRoutes } from './runs.ts';
import { RUN_ROWS_MAX } from './starting.ts';
import { systemRoutes } from './systems.ts';
import { createTargets } from './targets.ts';
import { createWorker, WORKER_OPTIONS, type WorkerOptions } from './worker.ts';

export interface RollbackDeps {
  /** Migrated. The caller closes it after `stop`. */
  readonly store: Store;
  readonly logger: Logger;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Which plans need a second person. */
  readonly approvals: ApprovalRule;
  /** Logins of one human. Default: every login is another one. */
  readonly onePerson?: OnePerson;
  /** Rows and files that one run may change without a confirmation of their number. Default: RUN_ROWS_MAX. */
  readonly rowsMax?: number;
  /** The ledger that records its events; without acknowledgement nothing is undone. */
  readonly ledger: LedgerAccess;
  /** Default: postgres and filesystem. */
  readonly connectors?: readonly Connector[];
  readonly worker?: Partial<Omit<WorkerOptions, 'name'>>;
  readonly runner?: Partial<RunnerConfig>;
  readonly drain?: Partial<DrainOptions>;
  readonly failpoint?: Failpoint | undefined;
  /** For fault tests: stands between the runner and its ports. */
  readonly faults?: (ports: RunnerPorts) => RunnerPorts;
  /** How often the capture of each system is checked, in milliseconds. */
  readonly coverageMs?: number;
  /** Milliseconds between two rounds of the alarm watch. */
  readonly alarmMs?: number;
  /** Milliseconds between two looks at the freezes. */
  readonly freezeMs?: number;
  /** Milliseconds between two reads of a run that is watched. */
  readonly progressMs?: number;
  /** Without it, nothing is measured. */
  readonly metrics?: Metrics;
}

export interface WiredRollback {
  readonly routers: readonly Router[];
  readonly health: Readonly<Record<string, HealthCheck>>;
  /** Conditions that this process sees now. */
  conditions(): readonly TenantCondition[];
  /** For a listener without the ledger; on a shared listener use the ledger's recorder. */
  readonly acts: ActRecorder;
  /** Starts the worker. */
  start(): Promise<void>;
  /** Resolves when all runs in progress reached a safe point. Call it after closing the listener. */
  stop(): Promise<void>;
}

const COVERAGE_MS = 30_000;
/** Matches no tenant. */
const NO_TENANT = '';

/** Connects the adapters of the rollback service to its ports. Nothing runs before `start`, except for requests. */
export function wireRollback(deps: RollbackDeps): WiredRollback {
  const { store, logger, rowsMax = RUN_ROWS_MAX, faults = (own) => own } = deps;
  const options: WorkerOptions = { ...WORKER_OPTIONS, ...deps.worker, name: randomUUID() };
  const clock: Clock = { now: deps.clock, sleep: (ms) => delay(ms) };
  const targets = createTargets(store.systems, maskConnectors(deps.connectors ?? [postgresConnector, filesystemConnector], randomBytes));
  const producer = createLedgerProducer(store.credentials, deps.ledger);
  // Runs of other tenants belong to the processes with their keys.
  const served = async () => (await producer.tenant()) ?? NO_TENANT;
  const outbox = createOutbox(store.pool, served);
  const { ledgerReader, sourceReader, queries, systems } = store;
  const random16 = () => new Uint8Array(randomBytes(16));
  const drains = wireDrains(deps, { targets, producer, clock });
  const core: RollbackCore = {
    store: { ledgerReader, sourceReader, queries, systems, outbox, ...recordsOf(store) },
    ...{ approvals: deps.approvals, onePerson: deps.onePerson ?? ((id: string) => id), rowsMax, targets, producer },
    drain: drains,
    clock,
    random16,
    wake: () => worker.wake(),
  };
  const coverage = createCoverageWatch({ systems, targets, tenant: () => producer.tenant(), everyMs: deps.coverageMs ?? COVERAGE_MS });
  const { erasing, hurry } = wireErasing(deps, { targets, producer, clock, drain: drains });
  const freezing = wireFreezing(deps, { targets, producer });
  const conditions = () => [...coverage.conditions(), ...drains.conditions(), ...erasing.conditions()];
  const alarms = createAlarmWatch(store.alarms, logger.child({ part: 'alarms' }), conditions, deps.alarmMs);
  if (deps.metrics) measureRollback(deps.metrics, { drains, coverage, clock: deps.clock });
  const ports = faults({
    store: createRunStore(store.pool, options.leaseMs, served),
    plans: core.store.plans,
    emitter: createEmitter(outbox, producer.transport),
    ledger: ledgerReader,
    targets,
    clock,
    random16,
    objection: (record, counts) => objectionTo(core, record, counts),
    ...(deps.failpoint ? { failpoint: deps.failpoint } : {}),
  });
  const worker = createWorker(core, ports, { ...RUNNER_CONFIG, ...deps.runner }, options, logger.child({ part: 'rollback' }));
  return {
    conditions,
    acts: createRollbackActs({ producer, logger: logger.child({ part: 'acts' }), clock: deps.clock, random16 }),
    routers: [createRouter('rollback', [...systemRoutes(systems, targets, producer, coverage, hurry), ...runningRoutes(core, deps)])],
    health: {
      async rollback() {
        await store.ping();
        return { status: 'ok' };
      },
      drain: drains.health,
      coverage: async () => coverage.health(),
    },
    async start() {
      worker.start();
      drains.start();
      coverage.start();
      erasing.start();
      freezing.start();
      alarms.start();
    },
    async stop() {
      await alarms.stop();
      await freezing.stop();
      await erasing.stop();
      await coverage.stop();
      await worker.stop();
      await drains.stop();
      await targets.close();
    },
  };
}

type Records = Pick<RollbackCore['store'], 'plans' | 'runs' | 'approvals' | 'alarms' | 'credentials'>;

function recordsOf({ pool, alarms, credentials }: Store): Records {
  return { plans: createPlans(pool), runs: createRuns(pool), approvals: createApprovals(pool), alarms, credentials };
}

const runningRoutes = (core: RollbackCore, { store, progressMs }: RollbackDeps) => [
  ...planRoutes(core),
  ...planListRoutes(core),
  planRowsRoute(core),
  planRepeatsRoute(core),
  ...approvalRoutes(core),
  ...runRoutes(core),
  runTotalsRoute(core),
  watchRunRoute(runProgressReader(store.pool), progressMs),
];

function wireDrains({ store, logger, drain }: RollbackDeps, ports: Pick<RollbackCore, 'targets' | 'producer' | 'clock'>): Drains {
  const recorded = (tenant: string, source: string) => lastNumberOf(store.pool, tenant, source);
  const lastUnder = (tenant: string, prefix: string) => lastEventUnder(store.pool, tenant, prefix);
  const log = logger.child({ part: 'drain' });
  return createDrains(
    { ...ports, systems: store.systems, tenant: ports.producer.tenant, recorded, lastUnder, log },
    { ...DRAIN_OPTIONS, ...drain },
  );
}

function wireFreezing(
  { store, logger, freezeMs }: RollbackDeps,
  { targets, producer }: Pick<RollbackCore, 'targets' | 'producer'>,
): FreezeWatch {
  const { freezes, systems } = store;
  const log = logger.child({ part: 'freezes' });
  return createFreezeWatch({ freezes, systems, targets, tenant: () => producer.tenant(), log, everyMs: freezeMs });
}

function wireErasing(
  { store, logger }: RollbackDeps,
  { targets, producer, clock, drain }: Pick<RollbackCore, 'targets' | 'producer' | 'clock' | 'drain'>,
) {
  const erasures = createErasures(store.pool);
  const log = logger.child({ part: 'erasing' });
  return {
    erasing: createErasing({ erasures, systems: store.systems, targets, drain, now: clock.now, log, tenant: () => producer.tenant() }),
    hurry: (tenant: string, system: string) => erasures.hurry(tenant, system, clock.now()),
  };
}
