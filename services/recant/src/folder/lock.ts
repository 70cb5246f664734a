import { randomUUID } from 'node:crypto';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError, EXIT } from '../terminal/exit.ts';

/** The process that runs in a folder. `started` distinguishes it from a later process with the same pid (Linux: field 22 of /proc/PID/stat). */
interface Owner {
  readonly pid: number;
  readonly started: string | null;
  readonly url?: string;
}

export interface FolderLock {
  /** Adds the address of the service, for the error that a second start gets. */
  announce(url: string): Promise<void>;
  release(): Promise<void>;
}

const FILE = 'up.pid';

/**
 * Locks the folder for this process and takes over the lock file of a dead process. A crash leaves such a file. `link` creates the file with its
 * content or fails, in one step, so that of two concurrent starts one gets it.
 */
export async function lockFolder(dir: string): Promise<FolderLock> {
  const path = join(dir, FILE);
  const me: Owner = { pid: process.pid, started: await startOf(process.pid) };
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await place(path, me)) return lockOf(path, me);
    const owner = await read(path);
    if (owner && (await isAlive(owner))) {
      const where = owner.url === undefined ? '' : ` at ${owner.url}`;
      throw new CliError(
        EXIT.refused,
        `Recant is already running in ${dir}: process ${owner.pid}${where}`,
        'Use or stop that one, or pass another folder with --dir.',
      );
    }
    await removeStale(path, owner);
  }
  throw new CliError(EXIT.failed, `Cannot lock ${path}: other processes are starting here at the same time`, 'Start only one.');
}

function lockOf(path: string, me: Owner): FolderLock {
  return {
    async announce(url) {
      const next = `${path}.${randomUUID()}`;
      await writeFile(next, JSON.stringify({ ...me, url }), { mode: 0o600 });
      await rename(next, path);
    },
    async release() {
      const owner = await read(path);
      if (owner?.pid === me.pid && owner.started === me.started) await unlink(path);
    },
  };
}

async function place(path: string, me: Owner): Promise<boolean> {
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

/** Moves the file away; puts it back if another process has taken over the folder meanwhile. */
async function removeStale(path: string, seen: Owner | undefined): Promise<void> {
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

async function read(path: string): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await readFile(path, 'utf8')) as Owner;
    return Number.isInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return owner.started === (await startOf(owner.pid));
}

/** Null without /proc: then the pid alone decides. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
