import { setTimeout as delay } from 'node:timers/promises';
import { type Claim, driveRun, type RunnerConfig, RunnerError, type RunnerPorts } from '@recant/runner';
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
}
export const WORKER_OPTIONS: Omit<WorkerOptions, 'name'> = { leaseMs: 30_000, runsMax: 4, pollMs: 500, pauseMs: 2_000 };

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

/** Drives one claimed run and releases it. A failure becomes the run's alarm, and the run can be claimed again after `pauseMs`. */
async function driveClaim(ports: RunnerPorts, claim: Claim, config: RunnerConfig, options: WorkerOptions, log: Logger): Promise<void> {
  const renewing = setInterval(() => void ports.store.renew(claim).catch(() => undefined), options.leaseMs / 3);
  try {
    const driven = await driveRun(ports, claim, config);
    const isAway = typeof driven === 'object';
    log.info({ run: claim.run, driven }, `worker: run ${isAway ? 'waits for a system that does not answer' : driven}`);
    await ports.store.release(claim, isAway ? driven.awayMs : driven === 'alarmed' ? ALARM_PAUSE_MS : 0);
  } catch (error) {
    if (error instanceof RunnerError && error.code === 'claim_lost') return;
    log.error({ run: claim.run, err: error }, 'worker: run failed; it will be claimed again');
    const alarm = error instanceof Error ? error.message : String(error);
    await ports.store.commit(claim, { steps: [], events: [], alarm: alarm.slice(0, 1_000) }).catch(() => undefined);
    await ports.store.release(claim, options.pauseMs).catch(() => undefined);
  } finally {
    clearInterval(renewing);
  }
}
