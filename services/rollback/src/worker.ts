import { setTimeout as delay } from 'node:timers/promises';
import { type Claim, driveRun, type RunnerConfig, RunnerError, type RunnerPorts } from '@recant/runner';
import type { Logger } from '@recant/service';
import type { RollbackCore } from './core.ts';

export interface WorkerOptions {
  /** Names this worker in the store. */
  readonly name: string;
  /** A worker that is silent for so long has lost its runs. */
  readonly leaseMs: number;
  /** Runs at once. */
  readonly runsMax: number;
  readonly pollMs: number;
  /** Before a run is claimed again after an error. */
  readonly pauseMs: number;
}
export const WORKER_OPTIONS: Omit<WorkerOptions, 'name'> = { leaseMs: 30_000, runsMax: 4, pollMs: 500, pauseMs: 2_000 };

/** Sources whose events are sent in one round. */
const SOURCES_MAX = 100;
/** Milliseconds for which a run is left alone whose plan is not the one that was approved. */
const ALARM_PAUSE_MS = 60_000;

export interface Worker {
  start(): void;
  /** Claims nothing new, and resolves when the runs that are driven reached a safe point. */
  stop(): Promise<void>;
  /** There may be something to do. */
  wake(): void;
}

/** Claims runs and drives them, and sends what is left in the outbox. Any number of processes may do so at once. */
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
        log.warn({ err: error }, 'the store does not answer; trying again');
      }
      await delay(options.pollMs, undefined, { signal: alarm.signal }).catch(() => undefined);
    }
  }

  async function claimRuns(): Promise<void> {
    while (!stopping && driving.size < options.runsMax) {
      const claim = await ports.store.claim(options.name, options.leaseMs);
      if (!claim) return;
      const driven = drive(claim).finally(() => {
        driving.delete(driven);
        alarm.abort();
      });
      driving.add(driven);
    }
  }

  async function drive(claim: Claim): Promise<void> {
    const renewing = setInterval(() => void ports.store.renew(claim).catch(() => undefined), options.leaseMs / 3);
    try {
      const driven = await driveRun(runnerPorts, claim, config);
      log.info({ run: claim.run, driven }, 'run stands');
      await ports.store.release(claim, driven === 'alarmed' ? ALARM_PAUSE_MS : 0);
    } catch (error) {
      if (error instanceof RunnerError && error.code === 'claim_lost') return;
      log.error({ run: claim.run, err: error }, 'run interrupted; it will be claimed again');
      const alarmText = error instanceof Error ? error.message : String(error);
      await ports.store.commit(claim, { steps: [], events: [], alarm: alarmText.slice(0, 1_000) }).catch(() => undefined);
      await ports.store.release(claim, options.pauseMs).catch(() => undefined);
    } finally {
      clearInterval(renewing);
    }
  }

  /** Plans, and the last events of runs whose worker died: nobody else sends them. */
  async function sendOutbox(): Promise<void> {
    for (const { tenant, source } of await core.store.outbox.sources(SOURCES_MAX)) {
      if (stopping) return;
      await ports.emitter.flush(tenant, source).catch((error: unknown) => log.warn({ source, err: error }, 'events wait for the ledger'));
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
