import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectorError } from '@recant/connector';
import { codeOf, wrapStoreErrors } from '../failure.ts';

/** Generations left behind the highest, so that a slow reader of the folder always meets one that was there all the while. */
const GENERATIONS_KEPT = 16;
const FREE = 'free';

/**
 * One holder among all processes of a machine, without flock: the highest numbered file in a folder says who holds the lock.
 *
 * A generation is made by link(2), which only one can win; the highest file is never removed, so numbers only grow; whoever finds that his number
 * is not the highest has lost. A holder that died (by process id, its start and the boot, so a reused id does not count) is passed over.
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
        `The store ${folder} was locked for ${waitMs} ms by process ${owner.split(' ')[0]}. Try again.`,
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

/** A full disk must not leave the lock with a process that lives on: an emptied file needs no room, and reads like that of one that died. */
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

/** A generation that is gone is not the highest any more: whoever reads it looks again, as for a dead one, and cannot win its number. */
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

/** Boot and start of a process where the kernel tells them; elsewhere a process id has to do. */
async function identityOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    // proc_pid_stat(5): starttime is field 22; the second field is the command in parentheses and may hold spaces.
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
