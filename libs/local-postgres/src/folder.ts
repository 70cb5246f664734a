import { createHash } from 'node:crypto';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalPostgresError } from './error.ts';

const POLL_MS = 25;
/** Time for an orphaned server to stop before its processes are killed. */
const LEFTOVER_STOP_MS = 10_000;
/** Time to wait for the previous supervisor to release the folder. */
const HANDOVER_MS = 30_000;

/**
 * Locks the folder for the lifetime of this process. The lock is a listening abstract socket, released by the kernel with the process, so it
 * is never stale. Linux only; elsewhere PostgreSQL's own pid file is the only protection.
 */
export async function lockFolder(dataDir: string, ownerPid: number, signal: AbortSignal): Promise<void> {
  if (process.platform !== 'linux') return;
  const address = `\0recant-postgres-${createHash('sha256').update(dataDir).digest('hex').slice(0, 32)}`;
  const deadline = performance.now() + HANDOVER_MS;
  while (!signal.aborted) {
    if (await listenOn(address, ownerPid)) return;
    const holder = await askHolder(address);
    if ((holder !== undefined && (await isAlive(holder))) || performance.now() > deadline) {
      const owner = holder === undefined ? 'another process' : `process ${holder}`;
      throw new LocalPostgresError('folder_in_use', `${dataDir} is in use by ${owner}: stop it, or choose another folder`);
    }
    await delay(POLL_MS);
  }
}

function listenOn(address: string, ownerPid: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server: Server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(String(ownerPid));
    });
    server.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(address, () => {
      server.unref();
      resolve(true);
    });
  });
}

/** Process id of the lock's owner; undefined if its supervisor is exiting. */
function askHolder(address: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(address);
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => resolve(/^\d{1,10}$/.test(answer) ? Number(answer) : undefined));
  });
}

/** False for a process that ended, including a zombie. */
async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tX');
  return !/^State:\s+[ZX]/m.test(status);
}

/**
 * Ends processes that an earlier server left in the folder, then removes its pid file. Requires the folder's lock. Identifies processes by their
 * working directory, not by the pid file, whose number may belong to an unrelated process.
 */
export async function clearLeftovers(dataDir: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const pidFile = join(dataDir, 'postmaster.pid');
  const recorded = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  const left = await serverProcesses(dataDir);
  if (left.includes(recorded)) sendSignal(recorded, 'SIGINT');
  else for (const pid of left) sendSignal(pid, 'SIGQUIT');
  const deadline = performance.now() + LEFTOVER_STOP_MS;
  for (let rest = left; rest.length > 0; rest = await serverProcesses(dataDir)) {
    if (performance.now() > deadline) for (const pid of rest) sendSignal(pid, 'SIGKILL');
    await delay(POLL_MS);
  }
  await rm(pidFile, { force: true });
}

async function serverProcesses(dataDir: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      if (cwd !== dataDir) return false;
      return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'postgres';
    }),
  );
  return pids.filter((_, index) => found[index]).map(Number);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process ended before the signal.
  }
}
