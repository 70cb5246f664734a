import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Replicas, Strike } from './plan.ts';
import type { Order, Report, WorkerSettings } from './worker.ts';
import type { World } from './world.ts';

/** One that dies at that moment gets no order. */
const ignore = (): void => undefined;
const LEASE_MS = 1_000;
const HANG_MS = 2_500;
const LASTS_MS = 6_000;
const START_MS_MAX = 60_000;

/** Processes of the rollback service for one run. */
export interface ReplicaSet extends AsyncDisposable {
  /** All strikes took place, and what hung has ended. @throws a worker ended by itself */
  readonly done: Promise<void>;
  /** Strikes so far. */
  readonly struck: number;
}

export interface ReplicaOptions {
  readonly count: Replicas;
  readonly batchSteps: number;
  /** One after the other. */
  readonly strikes: readonly Strike[];
}

/** Resolves once all work. A process that is killed is started again. */
export async function startReplicas({ stage }: World, { count, batchSteps, strikes }: ReplicaOptions): Promise<ReplicaSet> {
  const settings: WorkerSettings = {
    databaseUrl: stage.databaseUrl,
    masterKey: Buffer.from(stage.masterKey).toString('base64'),
    ledgerUrl: stage.url,
    rollbackKey: stage.rollbackKey,
    batchSteps,
    leaseMs: LEASE_MS,
    hangMs: HANG_MS,
    lastsMs: LASTS_MS,
  };
  const children = new Set<ChildProcess>();
  /** Those in which a call hangs. */
  const hanging = new Set<ChildProcess>();
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  done.catch(() => undefined);
  let isClosed = false;
  let struck = 0;

  const endIfDone = () => struck >= strikes.length && hanging.size === 0 && resolve();
  const advance = () => {
    struck += 1;
    for (const child of children) child.send({ strike: strikes[struck] } satisfies Order, ignore);
    endIfDone();
  };
  const start = (): ChildProcess => {
    const child = fork(join(import.meta.dirname, 'worker.ts'), {
      env: { ...process.env, KILLS_WORKER: JSON.stringify({ ...settings, strike: strikes[struck] }) },
      execArgv: ['--no-maglev'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    children.add(child);
    child.on('message', (report: Report) => {
      if (report === 'hangs') hanging.add(child);
      if (report === 'hangs') advance();
      if (report === 'late') hanging.delete(child);
      if (report === 'late') endIfDone();
    });
    child.on('exit', (code, signal) => {
      children.delete(child);
      hanging.delete(child);
      if (isClosed) return;
      if (signal !== 'SIGKILL') return reject(new Error(`a worker ended by itself: ${code ?? signal}`));
      advance();
      start();
    });
    return child;
  };
  const started = Array.from({ length: count }, start);
  await Promise.all(started.map((child) => once(child, 'message', { signal: AbortSignal.timeout(START_MS_MAX) })));
  return {
    done,
    get struck() {
      return struck;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      const left = [...children];
      const exits = left.map((child) => once(child, 'exit'));
      for (const child of left) child.kill('SIGKILL');
      await Promise.all(exits);
    },
  };
}
