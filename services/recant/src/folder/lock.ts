import { randomUUID } from 'node:crypto';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError, EXIT } from '../terminal/exit.ts';

/** Who runs in a folder. `started` tells the process from a later one of the same number (Linux: field 22 of /proc/PID/stat). */
interface Holder {
  readonly pid: number;
  readonly started: string | null;
  readonly url?: string;
}

export interface FolderLock {
  /** Says where the service answers, for whoever finds the folder taken. */
  announce(url: string): Promise<void>;
  release(): Promise<void>;
}

const FILE = 'up.pid';

/**
 * Takes the folder for this process. A file left behind by a killed one is taken over; what a crash here leaves is such a file.
 * `link` makes or refuses the file in one step, with its content, so that of two starters one gets it.
 */
export async function lockFolder(dir: string): Promise<FolderLock> {
  const path = join(dir, FILE);
  const me: Holder = { pid: process.pid, started: await startOf(process.pid) };
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await place(path, me)) return lockOf(path, me);
    const holder = await read(path);
    if (holder && (await isAlive(holder))) {
      const where = holder.url === undefined ? '' : ` at ${holder.url}`;
      throw new CliError(
        EXIT.refused,
        `Recant already runs in ${dir}: process ${holder.pid}${where}`,
        'Use that one, stop it, or give this one another folder (--dir).',
      );
    }
    await removeStale(path, holder);
  }
  throw new CliError(EXIT.failed, `${path} cannot be taken: other processes start here at the same time`, 'Start one of them.');
}

function lockOf(path: string, me: Holder): FolderLock {
  return {
    async announce(url) {
      const next = `${path}.${randomUUID()}`;
      await writeFile(next, JSON.stringify({ ...me, url }), { mode: 0o600 });
      await rename(next, path);
    },
    async release() {
      const holder = await read(path);
      if (holder?.pid === me.pid && holder.started === me.started) await unlink(path);
    },
  };
}

async function place(path: string, me: Holder): Promise<boolean> {
  const mine = `${path}.${randomUUID()}`;
  await writeFile(mine, JSON.stringify(me), { mode: 0o600 });
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(mine);
  }
}

/** Moves the file away, and puts it back if it turns out that somebody has just taken the folder over. */
async function removeStale(path: string, seen: Holder | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await read(aside);
  if (moved && (moved.pid !== seen?.pid || moved.started !== seen.started)) await link(aside, path).catch(() => undefined);
  await unlink(aside);
}

async function read(path: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Holder;
    return Number.isInteger(holder.pid) ? holder : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return holder.started === (await startOf(holder.pid));
}

/** Null where the platform has no /proc: then the number alone decides. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
