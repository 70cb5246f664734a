import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectorError } from '@recant/connector';
import { codeOf, wrapStoreErrors } from '../failure.ts';

/** Old generations kept, so that a slow reader of the folder always sees one that existed throughout. */
const GENERATIONS_KEPT = 16;
const FREE = 'free';

/**
 * Mutual exclusion between processes of one machine without flock: the highest-numbered file in a folder names the owner.
 *
 * A generation is created by link(2), which only one process wins; the highest file is never removed, so numbers only grow; a process whose number is not
 * the highest has lost. A dead owner (by process id, start time and boot id, so a reused id does not count) is superseded.
 * Processes in different pid namespaces must not share a lock.
 */
export interface Lock {
  /** @throws ConnectorError `unreachable` after waiting `waitMs`. */
  withLock<T>(work: (takenOver: boolean) => Promise<T>): Promise<T>;
}

export function createLock(folder: string, waitMs: number): Lock {
  let queue: Promise<unknown> = Promise.resolve();
  return {
    withLock(work) {
      const turn = queue.then(async () => {
        const { generation, takenOver } = await wrapStoreErrors('lock', acquire(folder, waitMs));
        try {
          return await work(takenOver);
        } finally {
          await release(folder, generation);
        }
      });
      queue = turn.catch(() => undefined);
      return turn;
    },
  };
}

async function acquire(folder: string, waitMs: number): Promise<{ generation: number; takenOver: boolean }> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const self = await identityOf(process.pid);
  let waitedMs = 0;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
    const highest = await highestIn(folder);
    const owner = highest === 0 ? FREE : await readOwner(folder, highest);
    if (owner === FREE || !(await isAlive(owner))) {
      if (await claim(folder, highest + 1, `${process.pid} ${self}`)) return { generation: highest + 1, takenOver: owner !== FREE };
      continue;
    }
    if (waitedMs >= waitMs)
      throw new ConnectorError(
        'unreachable',
        `Timed out after ${waitMs} ms: the store ${folder} is locked by process ${owner.split(' ')[0]}. Try again.`,
      );
    await sleep(pauseMs);
    waitedMs += pauseMs;
  }
}

async function claim(folder: string, generation: number, content: string): Promise<boolean> {
  const prepared = join(folder, `.${randomUUID()}`);
  try {
    await writeFile(prepared, content, { mode: 0o600 });
    await link(prepared, join(folder, String(generation)));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlinkIfThere(prepared);
  }
  if ((await highestIn(folder)) === generation) return true;
  await unlinkIfThere(join(folder, String(generation)));
  return false;
}

/** On a full disk the lock must still be released: truncating needs no space, and an empty file counts as a dead owner. */
async function release(folder: string, generation: number): Promise<void> {
  try {
    await claim(folder, generation + 1, FREE);
  } catch {
    return truncate(join(folder, String(generation)));
  }
  for (const old of (await generationsIn(folder)).filter((number) => number <= generation - GENERATIONS_KEPT)) {
    await unlinkIfThere(join(folder, String(old)));
  }
}

async function generationsIn(folder: string): Promise<number[]> {
  return (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
}
async function highestIn(folder: string): Promise<number> {
  return (await generationsIn(folder)).reduce((highest, number) => Math.max(highest, number), 0);
}

/** A missing generation is no longer the highest: treated like a dead owner, but its number cannot be won. */
async function readOwner(folder: string, generation: number): Promise<string> {
  try {
    return await readFile(join(folder, String(generation)), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}

async function isAlive(owner: string): Promise<boolean> {
  const [pid, ...identity] = owner.split(' ');
  if (pid === undefined || !/^\d+$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  return (await identityOf(Number(pid))) === identity.join(' ');
}

/** Boot id and start time of a process where /proc has them; elsewhere the process id must do. */
async function identityOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    // proc_pid_stat(5): starttime is field 22; the second field is the command in parentheses and may contain spaces.
    return `${boot.trim()} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return '-';
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}
