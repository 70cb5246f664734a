import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { grantServiceRole, migrate } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { findBinaries } from '../../../libs/local-postgres/src/binaries.ts';
import { prepareDatabase } from '../../../libs/local-postgres/src/bootstrap.ts';
import { ensureCluster } from '../../../libs/local-postgres/src/cluster.ts';
import { clearLeftovers } from '../../../libs/local-postgres/src/folder.ts';
import { chooseIdentity } from '../../../libs/local-postgres/src/identity.ts';
import { type Server, spawnServer } from '../../../libs/local-postgres/src/server.ts';
import { probePort } from '../../../libs/local-postgres/src/tcp-port.ts';

const execute = promisify(execFile);
/** The kernel kills the program when this process ends, however that happens. */
export const TIED = ['setpriv', '--pdeathsig', 'KILL', '--'] as const;
const PASSWORD = 'of-this-run-only';
const DATABASE = 'recant';
/** Megabytes of a server's own volume: 90 of data, WAL, and room for some runs. */
const VOLUME_MB = 400;
/** Space that a filled volume keeps: less than one page. */
const KEPT_BYTES = 4_096;

/** A PostgreSQL server that is killed, copied, set back, filled, followed by a standby. */
export interface Database {
  readonly port: number;
  readonly isOnVolume: boolean;
  /** As the superuser, past every proxy. */
  readonly ownerUrl: string;
  /** SIGKILL. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Copies the running server: what a nightly backup has. */
  copy(folder: string): Promise<void>;
  /** Starts from a copy; the server must not run. */
  setBack(folder: string): Promise<void>;
  fill(): Promise<void>;
  free(): Promise<void>;
  ask(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Ends the server, and unmounts its volume. */
  end(): Promise<void>;
}

export const urlOf = (role: 'recant' | 'postgres', port: number): string => `postgres://${role}:${PASSWORD}@127.0.0.1:${port}/${DATABASE}`;

/** A migrated data folder, copied for each world. */
export async function makeTemplate(folder: string): Promise<void> {
  const { binaries, identity } = await programs(folder);
  const signal = new AbortController().signal;
  await ensureCluster({ dataDir: folder, ownerPassword: PASSWORD, durable: false, binaries, identity, signal });
  await appendFile(join(folder, 'pg_hba.conf'), 'host replication all 127.0.0.1/32 scram-sha-256\n');
  const database = await runDatabase(folder, false);
  await prepareDatabase(database.ownerUrl.replace(`/${DATABASE}`, '/postgres'), DATABASE, PASSWORD);
  await migrate(database.ownerUrl);
  await grantServiceRole(database.ownerUrl, 'recant');
  await database.ask('CHECKPOINT');
  await database.end();
  await rm(join(folder, 'postmaster.pid'), { force: true });
}

/** Starts a copy of the template; as root on a volume of its own, which can be filled. */
export async function openDatabase(template: string, folder: string): Promise<Database> {
  await mkdir(folder, { recursive: true });
  const isOnVolume = process.getuid?.() === 0 && (await mount(folder));
  const dataDir = join(folder, 'data');
  await cp(template, dataDir, { recursive: true, preserveTimestamps: true });
  return await runDatabase(dataDir, isOnVolume);
}

async function mount(folder: string): Promise<boolean> {
  return execute('mount', ['-t', 'tmpfs', '-o', `size=${VOLUME_MB}m,mode=755`, 'tmpfs', folder]).then(
    () => true,
    () => false,
  );
}

async function programs(folder: string) {
  const binaries = await findBinaries();
  const identity = await chooseIdentity({ program: binaries.postgres, folder });
  return { binaries, identity };
}

/** Runs a data folder. @param isOnVolume its parent folder is a mount of its own */
export async function runDatabase(dataDir: string, isOnVolume: boolean): Promise<Database> {
  const { binaries, identity } = await programs(dataDir);
  const port = (await probePort()) as number;
  const ballast = join(dataDir, '..', 'ballast');
  let server: Server | undefined;
  const start = async () => {
    const tied = { ...identity, prefix: [...identity.prefix, ...TIED] };
    server = spawnServer({ dataDir, logFile: `${dataDir}.log`, port, durable: false, settings: SETTINGS, binaries, identity: tied });
    await waitUntil(() => ask('SELECT 1'), { timeoutMs: 90_000, what: `PostgreSQL in ${dataDir}` });
  };
  const kill = async () => {
    if (server === undefined) return;
    process.kill(server.pid, 'SIGKILL');
    await server.ended;
    // Its sessions hold the shared memory until they notice.
    await clearLeftovers(dataDir);
    server = undefined;
  };
  // Exists before the ledger's own database.
  const ask = (sql: string) => askAt(urlOf('postgres', port).replace(`/${DATABASE}`, '/postgres'), sql);
  await start();
  return {
    port,
    isOnVolume,
    ownerUrl: urlOf('postgres', port),
    kill,
    start,
    ask,
    copy: (folder) => copyRunning(dataDir, urlOf('postgres', port), folder),
    async setBack(folder) {
      for (const name of await readdir(dataDir)) await rm(join(dataDir, name), { recursive: true, force: true });
      await cp(folder, dataDir, { recursive: true, preserveTimestamps: true });
      await start();
    },
    async fill() {
      // The server uses space meanwhile: then less is left than was asked for.
      await waitUntil(async () => {
        const { bavail, bsize } = await statfs(dataDir);
        await writeFile(ballast, '');
        await execute('fallocate', ['-l', String(Math.max(bsize, bavail * bsize - KEPT_BYTES)), ballast]);
        return true;
      });
    },
    free: () => rm(ballast, { force: true }),
    async end() {
      await server?.stop();
      if (isOnVolume) await execute('umount', ['-l', join(dataDir, '..')]);
    },
  };
}

const SETTINGS = {
  max_connections: '200',
  shared_buffers: '16MB',
  max_wal_size: '64MB',
  min_wal_size: '32MB',
  wal_keep_size: '64MB',
  hot_standby: 'on',
  wal_receiver_timeout: '60s',
};

async function askAt(connectionString: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** PostgreSQL's low-level backup: its programs for that are not in the npm package. WAL is copied last, so that it has everything up to the end. */
async function copyRunning(dataDir: string, url: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query("SELECT pg_backup_start('matrix', true)");
    const isData = (path: string) => !/postmaster\.(pid|opts)$|pg_wal\/./.test(path.slice(dataDir.length));
    // Files come and go while the server runs; those that go are not needed.
    await execute('cp', ['-a', dataDir, folder]).catch(() => {});
    for (const name of await readdir(folder)) if (!isData(`${dataDir}/${name}`)) await rm(join(folder, name), { force: true });
    const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop(false)');
    await copyWal(join(dataDir, 'pg_wal'), join(folder, 'pg_wal'));
    await writeFile(join(folder, 'backup_label'), rows[0].labelfile);
  } finally {
    await client.end();
  }
}

/** The server makes and renames files meanwhile: a copy in which one vanished is made again. */
async function copyWal(from: string, to: string): Promise<void> {
  for (let tries = 5; ; tries -= 1) {
    await rm(to, { recursive: true, force: true });
    try {
      await execute('cp', ['-a', from, to]);
      return;
    } catch (error) {
      if (tries === 1) throw error;
    }
  }
}

/** A standby that streams from the server on `link`. It accepts writes after `promote`. */
export async function followDatabase(primary: Database, link: number, folder: string, isSynchronous: boolean): Promise<Database> {
  await primary.copy(folder);
  const from = `host=127.0.0.1 port=${link} user=postgres password=${PASSWORD} application_name=standby`;
  await appendFile(join(folder, 'postgresql.auto.conf'), `primary_conninfo = '${from}'\nsynchronous_standby_names = ''\n`);
  await writeFile(join(folder, 'standby.signal'), '');
  const standby = await runDatabase(folder, false);
  const state = async () => (await primary.ask("SELECT state, sync_state FROM pg_stat_replication WHERE application_name = 'standby'"))[0];
  await waitUntil(async () => (await state())?.state === 'streaming', { timeoutMs: 60_000, what: 'the standby to stream' });
  if (isSynchronous) {
    await primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
    await primary.ask('SELECT pg_reload_conf()');
    await waitUntil(async () => (await state())?.sync_state === 'sync', { timeoutMs: 60_000, what: 'the standby to be synchronous' });
  }
  return standby;
}
