import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stage } from '../../services/rollback/test/harness.ts';

export interface RollbackWorker extends AsyncDisposable {
  /** How the process ended. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  kill(): Promise<void>;
}

export interface WorkerOptions {
  readonly failpoint?: string;
  readonly batchSteps?: number;
}

/** The rollback service as a separate process, on the database and ledger of a stage. */
export async function startRollbackWorker(stage: Stage, { failpoint, batchSteps = 1 }: WorkerOptions = {}): Promise<RollbackWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'recant-rollback-'));
  const keyFile = join(folder, 'master.key');
  await writeFile(keyFile, Buffer.from(stage.masterKey).toString('base64'), { mode: 0o600 });
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, '../../services/rollback/src/main.ts')], {
    env: {
      ...process.env,
      DATABASE_URL: stage.databaseUrl,
      RECANT_LEDGER_URL: stage.url,
      RECANT_ROLLBACK_KEY: stage.rollbackKey,
      RECANT_MASTER_KEY_FILE: keyFile,
      RECANT_PORT: '0',
      RECANT_APPROVALS: 'never',
      RECANT_BATCH_STEPS: String(batchSteps),
      RECANT_LEASE_MS: '1000',
      RECANT_LOG_LEVEL: 'warn',
      ...(failpoint === undefined ? {} : { RECANT_FAILPOINT: failpoint }),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit').then(async ([code, signal]) => {
    await rm(folder, { recursive: true, force: true });
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  };
  return { exited, kill, [Symbol.asyncDispose]: kill };
}
