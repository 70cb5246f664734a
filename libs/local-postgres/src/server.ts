import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Binaries } from './binaries.ts';
import { serverEnvironment } from './cluster.ts';
import type { Identity } from './identity.ts';

const POLL_MS = 20;
/** Time for a fast shutdown, which writes a checkpoint; then an immediate shutdown, then SIGKILL. */
const FAST_STOP_MS = 20_000;
const IMMEDIATE_STOP_MS = 5_000;

export interface ServerOptions {
  dataDir: string;
  logFile: string;
  port: number;
  durable: boolean;
  settings: Readonly<Record<string, string>>;
  binaries: Binaries;
  identity: Identity;
}

export interface Server {
  pid: number;
  /** Resolves when the process has ended. */
  ended: Promise<void>;
  /** True once it accepts connections; false if it ended first. */
  ready(): Promise<boolean>;
  stop(): Promise<void>;
}

/** Starts one postmaster. `pid` is the postmaster's, because the identity's prefix command execs it. */
export function spawnServer(options: ServerOptions): Server {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    log_line_prefix: '%m [%p] %e ',
    log_timezone: 'UTC',
    timezone: 'UTC',
    // A killed server still loses nothing, because commits wait for their write; a power cut can lose data.
    ...(options.durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { prefix } = options.identity;
  const [file = '', ...args] = [...prefix, options.binaries.postgres, '-D', options.dataDir, '-p', String(options.port), ...flags];
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(file, args, { stdio: ['ignore', log, log], env: serverEnvironment() });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
  return {
    pid: child.pid ?? -1,
    ended,
    ready: () => untilReady(child, options.dataDir),
    stop: () => stopServer(child, ended),
  };
}

/** The eighth line of postmaster.pid is the server's state (src/include/utils/pidfile.h). */
async function untilReady(child: ChildProcess, dataDir: string): Promise<boolean> {
  while (isRunning(child)) {
    const lines = (await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true;
    await delay(POLL_MS);
  }
  return false;
}

async function stopServer(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGINT');
  const immediate = setTimeout(() => child.kill('SIGQUIT'), FAST_STOP_MS);
  const last = setTimeout(() => child.kill('SIGKILL'), FAST_STOP_MS + IMMEDIATE_STOP_MS);
  await ended;
  clearTimeout(immediate);
  clearTimeout(last);
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
