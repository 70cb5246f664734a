import { spawn } from 'node:child_process';
import { chown, mkdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { LocalPostgresError } from './error.ts';
import type { Identity } from './identity.ts';

/** PostgreSQL's major version; it cannot open a folder of another one. */
const MAJOR_VERSION = '18';
/** The bootstrap superuser: migrations and target preparation connect as it, services never. */
export const OWNER_ROLE = 'postgres';
/** With less free space a failed start is reported as `disk_full`: one WAL segment has 16 MiB. */
const FREE_BYTES_MIN = 16 * 1024 * 1024;

export interface ClusterOptions {
  dataDir: string;
  ownerPassword: string;
  durable: boolean;
  binaries: Binaries;
  identity: Identity;
  signal: AbortSignal;
}

/** Creates the data folder if it is missing. Built under another name and renamed, so that a kill leaves no folder or a complete one. */
export async function ensureCluster(options: ClusterOptions): Promise<void> {
  const { dataDir, identity } = options;
  const version = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version !== undefined) {
    if (version.trim() === MAJOR_VERSION) return;
    const message = `${dataDir}: expected data of PostgreSQL ${MAJOR_VERSION}, got PostgreSQL ${version.trim()}; choose another folder, or run pg_upgrade`;
    throw new LocalPostgresError('version_mismatch', message);
  }
  const building = `${dataDir}.new`;
  const passwordFile = `${dataDir}.initdb`;
  await rm(building, { recursive: true, force: true });
  await mkdir(building, { recursive: true, mode: 0o700 });
  try {
    await writeFile(passwordFile, `${options.ownerPassword}\n`, { mode: 0o600 });
    if (identity.owner) {
      await chown(building, identity.owner.uid, identity.owner.gid);
      await chown(passwordFile, identity.owner.uid, identity.owner.gid);
    }
    await runInitdb(options, building, passwordFile);
    await writeFile(join(building, 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n');
    await rename(building, dataDir);
  } catch (error) {
    throw (await diskError(dirname(dataDir), error)) ?? error;
  } finally {
    await rm(passwordFile, { force: true });
    await rm(building, { recursive: true, force: true });
  }
}

function runInitdb({ binaries, identity, durable, signal }: ClusterOptions, folder: string, passwordFile: string): Promise<void> {
  const args = [
    `--pgdata=${folder}`,
    `--username=${OWNER_ROLE}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-clean',
    ...(durable ? [] : ['--no-sync']),
  ];
  const [file = '', ...rest] = [...identity.prefix, binaries.initdb, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, { stdio: ['ignore', 'ignore', 'pipe'], env: serverEnvironment(), signal, killSignal: 'SIGKILL' });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_096);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new LocalPostgresError('start_failed', `initdb failed: ${lastLine(output)}`));
    });
  });
}

/** Minimal environment: without the caller's PG* variables, and with untranslated messages. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' };
}

export function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? '';
}

/** A `disk_full` error if the disk is full, by its free space and not by the message; else undefined. */
export async function diskError(folder: string, cause: unknown): Promise<LocalPostgresError | undefined> {
  const { bavail, bsize } = await statfs(folder);
  const full = bavail * bsize < FREE_BYTES_MIN || (cause as NodeJS.ErrnoException).code === 'ENOSPC';
  if (!full) return undefined;
  return new LocalPostgresError('disk_full', `No space left in ${folder}: free at least 64 MiB, or choose another folder`, { cause });
}
