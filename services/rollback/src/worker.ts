import { setTimeout as delay } from 'node:timers/promises';
import { type Claim, driveRun, type RunnerConfig, RunnerError, type RunnerPorts, type RunStore } from '@recant/runner';
import type { Logger } from '@recant/service';
import type { RollbackCore } from './core.ts';

export interface WorkerOptions {
  /** Unique name of this worker in the store. */
  readonly name: string;
  /** A worker that does not renew its claims within this time loses them. */
  readonly leaseMs: number;
  /** Concurrent runs. */
  readonly runsMax: number;
  readonly pollMs: number;
  /** Delay before a failed run can be claimed again. */
  readonly pauseMs: number;
  /** A worker that commits nothing for so long hangs: it no longer keeps its lease, and another worker takes over. */
  readonly hangMs: number;
}
export const WORKER_OPTIONS: Omit<WorkerOptions, 'name'> = {
  leaseMs: 30_000,
  runsMax: 4,
  pollMs: 500,
  pauseMs: 2_000,
  hangMs: 900_000,
};

/** Sources flushed per round. */
const SOURCES_MAX = 100;
/** Delay before an alarmed run (its plan is not the approved one) can be claimed again. */
const ALARM_PAUSE_MS = 60_000;

export interface Worker {
  start(): void;
  /** Stops claiming; resolves when all driven runs reached a safe point. */
  stop(): Promise<void>;
  /** Ends the poll delay: there may be new work. */
  wake(): void;
}

/** Claims and drives runs, and flushes the outbox. Any number of workers may run concurrently. */
export function createWorker(core: RollbackCore, ports: RunnerPorts, config: RunnerConfig, options: WorkerOptions, log: Logger): Worker {
  const driving = new Set<Promise<void>>();
  let alarm = new AbortController();
  let stopping = false;
  let looping: Promise<void> | undefined;
  const runnerPorts: RunnerPorts = { ...ports, stopping: () => stopping };

  async function loop(): Promise<void> {
    while (!stopping) {
      alarm = new AbortController();
      try {
        await claimRuns();
        await sendOutbox();
      } catch (error) {
        log.warn({ err: error }, 'worker: store unavailable; retrying');
      }
      await delay(options.pollMs, undefined, { signal: alarm.signal }).catch(() => undefined);
    }
  }

  async function claimRuns(): Promise<void> {
    while (!stopping && driving.size < options.runsMax) {
      const claim = await ports.store.claim(options.name, options.leaseMs);
      if (!claim) return;
      const driven = driveClaim(runnerPorts, claim, config, options, log).finally(() => {
        driving.delete(driven);
        alarm.abort();
      });
      driving.add(driven);
    }
  }

  /** Sends the events of plans, and the last events of runs whose worker died. */
  async function sendOutbox(): Promise<void> {
    for (const { tenant, source } of await core.store.outbox.sources(SOURCES_MAX)) {
      if (stopping) return;
      await ports.emitter
        .flush(tenant, source)
        .catch((error: unknown) => log.warn({ source, err: error }, 'worker: could not send events to the ledger; retrying'));
    }
  }

  return {
    start() {
      looping ??= loop();
    },
    async stop() {
      stopping = true;
      alarm.abort();
      await looping;
      await Promise.all(driving);
    },
    wake: () => alarm.abort(),
  };
}

/** Longest time between a person's cancel and the worker's knowledge of it, in milliseconds. */
const LOOK_MS = 2_000;

/**
 * Drives one claimed run and releases it. A failure becomes the run's alarm, and the run can be claimed again after `pauseMs`. Resolves also where the work hangs:
 * then another worker may have the run, and what this one does later is refused by store and targets.
 */
async function driveClaim(ports: RunnerPorts, claim: Claim, config: RunnerConfig, options: WorkerOptions, log: Logger): Promise<void> {
  const watch = watchClaim(ports.store, claim, options);
  const driving = driveRun({ ...ports, store: watch.store, cancelled: watch.cancelled }, claim, config).then(async (driven) => {
    const isAway = typeof driven === 'object';
    log.info({ run: claim.run, driven }, `worker: run ${isAway ? `goes on in ${driven.awayMs} ms` : driven}`);
    await ports.store.release(claim, isAway ? driven.awayMs : driven === 'alarmed' ? ALARM_PAUSE_MS : 0);
  });
  try {
    if ((await Promise.race([driving, watch.hangs])) === HANGS)
      log.error({ run: claim.run }, `worker: run has made no progress for ${options.hangMs} ms; another worker takes it over`);
  } catch (error) {
    if (error instanceof RunnerError && error.code === 'claim_lost') return;
    log.error({ run: claim.run, err: error }, 'worker: run failed; it will be claimed again');
    const alarm = error instanceof Error ? error.message : String(error);
    await ports.store.commit(claim, { steps: [], events: [], alarm: alarm.slice(0, 1_000) }).catch(() => undefined);
    await ports.store.release(claim, options.pauseMs).catch(() => undefined);
  } finally {
    watch.end();
    driving.catch(() => undefined);
  }
}

const HANGS = Symbol('hangs');

/** Renews the lease as long as the worker makes progress, and learns of a cancel. */
function watchClaim(store: RunStore, claim: Claim, { leaseMs, hangMs }: WorkerOptions) {
  const cancel = new AbortController();
  let progressMs = performance.now();
  let hang: (value: typeof HANGS) => void = () => undefined;
  const hangs = new Promise<typeof HANGS>((resolve) => {
    hang = resolve;
  });
  const look = async (): Promise<void> => {
    if (performance.now() - progressMs >= hangMs) return hang(HANGS);
    if ((await store.renew(claim)) === 'cancelling') cancel.abort();
  };
  const timer = setInterval(() => void look().catch(() => undefined), Math.min(leaseMs / 3, LOOK_MS));
  const commit: RunStore['commit'] = (of, change) => {
    progressMs = performance.now();
    return store.commit(of, change);
  };
  return { store: { ...store, commit }, cancelled: cancel.signal, hangs, end: () => clearInterval(timer) };
}
