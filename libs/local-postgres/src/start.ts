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
  /** Made if missing. Beside it stand `<dataDir>.passwords` (mode 0600) and `<dataDir>.log`. */
  dataDir: string;
  /** 0 (default) takes a free one, another one at each start. */
  port?: number;
  /** The database that is made at the first start; `recant` by default. */
  database?: string;
  /** False gives up fsync: for tests, whose data nobody misses after a power cut. */
  durable?: boolean;
  /** True removes the folder, its log and its passwords with the server, also where this process is killed. */
  temporary?: boolean;
  /** Settings of postgresql.conf. */
  settings?: Record<string, string>;
  /** How root runs the server; found out by default. */
  identity?: Identity['kind'];
  /** Told once if the server went down for good without `stop()`. */
  onDown?: (error: LocalPostgresError) => void;
}

export interface RunningPostgres {
  /** For services: a role that owns nothing. */
  url: string;
  /** For migrations and for making databases: the superuser. */
  ownerUrl: string;
  port: number;
  /** The postmaster's; another one after a restart. */
  readonly pid: number;
  /** Another database on this server, made where it is missing. */
  ensureDatabase(name: string): Promise<{ readonly url: string; readonly ownerUrl: string }>;
  /** Ends the server after its running statements are broken off and its data is written. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Runs PostgreSQL on 127.0.0.1 as long as this process lives. A server that dies is started again on the same port.
 * Throws LocalPostgresError.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dataDir = await preparePlace(resolve(options.dataDir));
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
  let failure = new LocalPostgresError('stopped', `PostgreSQL's supervisor ended (see ${dataDir}.log)`);
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
  // What keeps the caller alive is the caller's business: a script that is done ends, and the server with it.
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

/** The folder's one true name: a lock by name must not be got round by a symbolic link. */
async function preparePlace(dataDir: string): Promise<string> {
  await mkdir(dirname(dataDir), { recursive: true });
  const parent = await realpath(dirname(dataDir));
  const place = join(parent, basename(dataDir));
  return realpath(place).catch(() => place);
}

function firstReport(supervisor: ChildProcess): Promise<Report> {
  return new Promise((done) => {
    const failed = (message: string): void => done({ kind: 'failed', code: 'start_failed', message });
    supervisor.once('message', (report: Report) => done(report));
    supervisor.once('error', (error) => failed(`Cannot start the supervisor of PostgreSQL: ${error.message}`));
    supervisor.once('exit', (code, signal) => failed(`The supervisor of PostgreSQL ended (${code ?? signal})`));
  });
}
