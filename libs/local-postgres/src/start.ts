import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareDatabase, SERVICE_ROLE } from './bootstrap.ts';
import { diskError, OWNER_ROLE } from './cluster.ts';
import { LocalPostgresError } from './error.ts';
import type { Identity } from './identity.ts';
import { ensurePasswords } from './passwords.ts';
import type { Order, Report } from './supervisor.ts';

export interface PostgresOptions {
  /** Created if missing, with `<dataDir>.passwords` (mode 0600) and `<dataDir>.log`. */
  dataDir: string;
  /** 0 (default): any free port, different at each start. */
  port?: number;
  /** Database created at the first start; default `recant`. */
  database?: string;
  /** False disables fsync, for tests. */
  durable?: boolean;
  /** True removes the folder, its log and passwords at the end, even if this process is killed. */
  temporary?: boolean;
  /** Settings of postgresql.conf. */
  settings?: Record<string, string>;
  /** How root runs the server; detected by default. */
  identity?: Identity['kind'];
  /** Called once if the server ended permanently without `stop()`. */
  onDown?: (error: LocalPostgresError) => void;
}

export interface RunningPostgres {
  /** For services: a login that owns nothing. */
  url: string;
  /** For migrations and for creating databases: the superuser. */
  ownerUrl: string;
  port: number;
  /** The postmaster's process id; changes after a restart. */
  readonly pid: number;
  /** Creates another database on this server if it is missing. */
  ensureDatabase(name: string): Promise<{ readonly url: string; readonly ownerUrl: string }>;
  /** Aborts running statements, writes data and ends the server. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Runs PostgreSQL on 127.0.0.1 for the lifetime of this process. A crashed server is restarted on the same port.
 * Throws LocalPostgresError.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dataDir = await prepareFolder(resolve(options.dataDir));
  const passwords = await ensurePasswords(dataDir).catch(async (error) => {
    throw (await diskError(dirname(dataDir), error)) ?? error;
  });
  const order: Order = {
    dataDir,
    port: options.port ?? 0,
    ownerPid: process.pid,
    ownerPassword: passwords.owner,
    durable: options.durable ?? true,
    temporary: options.temporary ?? false,
    settings: options.settings ?? {},
    ...(options.identity && { identity: options.identity }),
  };
  const supervisor = spawn(process.execPath, [fileURLToPath(new URL('./supervisor.ts', import.meta.url))], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, NODE_OPTIONS: '', RECANT_POSTGRES_ORDER: JSON.stringify(order) },
  });
  const ended = new Promise<void>((done) => supervisor.once('exit', () => done()));
  const first = await firstReport(supervisor);
  if (first.kind === 'failed') throw new LocalPostgresError(first.code, first.message);
  const { port } = first;
  const database = options.database ?? 'recant';
  const url = (role: string, password: string, name: string): string => `postgres://${role}:${password}@127.0.0.1:${port}/${name}`;
  const stop = async (): Promise<void> => {
    supervisor.off('exit', down);
    supervisor.ref();
    if (supervisor.connected) supervisor.send('stop', () => {});
    await ended;
  };
  let pid = first.pid;
  let failure = new LocalPostgresError('stopped', `The PostgreSQL supervisor ended (see ${dataDir}.log)`);
  const down = (): void => options.onDown?.(failure);
  supervisor.on('message', (report: Report) => {
    if (report.kind === 'ready') pid = report.pid;
    else failure = new LocalPostgresError(report.code, report.message);
  });
  supervisor.once('exit', down);
  try {
    await prepareDatabase(url(OWNER_ROLE, passwords.owner, 'postgres'), database, passwords.service);
  } catch (error) {
    await stop();
    throw (await diskError(dirname(dataDir), error)) ?? new LocalPostgresError('start_failed', String(error), { cause: error });
  }
  // The server must not keep the caller's process alive.
  supervisor.unref();
  supervisor.channel?.unref();
  return {
    url: url(SERVICE_ROLE, passwords.service, database),
    ownerUrl: url(OWNER_ROLE, passwords.owner, database),
    port,
    get pid() {
      return pid;
    },
    async ensureDatabase(name) {
      await prepareDatabase(url(OWNER_ROLE, passwords.owner, 'postgres'), name, passwords.service);
      return { url: url(SERVICE_ROLE, passwords.service, name), ownerUrl: url(OWNER_ROLE, passwords.owner, name) };
    },
    stop,
  };
}

/** The folder's real path, so that a symbolic link cannot bypass the lock. */
async function prepareFolder(dataDir: string): Promise<string> {
  await mkdir(dirname(dataDir), { recursive: true });
  const parent = await realpath(dirname(dataDir));
  const folder = join(parent, basename(dataDir));
  return realpath(folder).catch(() => folder);
}

function firstReport(supervisor: ChildProcess): Promise<Report> {
  return new Promise((done) => {
    const failed = (message: string): void => done({ kind: 'failed', code: 'start_failed', message });
    supervisor.once('message', (report: Report) => done(report));
    supervisor.once('error', (error) => failed(`Cannot start the PostgreSQL supervisor: ${error.message}`));
    supervisor.once('exit', (code, signal) => failed(`The PostgreSQL supervisor ended (${code ?? signal})`));
  });
}
