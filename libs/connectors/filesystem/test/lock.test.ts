import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLock } from '../src/store/lock.ts';

const disk = vi.hoisted(() => ({ full: false }));
vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>();
  const link = async (...given: Parameters<typeof fs.link>): Promise<void> => {
    if (!disk.full) return fs.link(...given);
    throw Object.assign(new Error('ENOSPC: no space left on device, link'), { code: 'ENOSPC' });
  };
  return { ...fs, link };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recant-lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a full disk does not leave the lock with a live process', async () => {
  const lock = createLock(folder, 50);
  try {
    const done = await lock.withLock(async () => {
      disk.full = true;
      return 'done';
    });
    expect(done).toBe('done');
    await expect(lock.withLock(async () => undefined)).rejects.toThrow(/ENOSPC/);
    disk.full = false;
    const other = createLock(folder, 50);
    expect(await other.withLock(async (takenOver) => takenOver)).toBe(true);
    await other.close();
    expect(await lock.withLock(async (takenOver) => takenOver)).toBe(false);
    await lock.close();
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  } finally {
    disk.full = false;
  }
});

/** A process that owns the lock until it is killed, in a pid, user and network namespace of its own where the kernel allows that. */
function startOwner(): { readonly owns: Promise<unknown>; kill(signal: NodeJS.Signals): Promise<unknown> } {
  const node = [process.execPath, join(import.meta.dirname, 'lock-owner.ts'), folder];
  const namespaces = 'unshare --user --map-root-user --net --pid --fork --kill-child';
  const script = `${namespaces} true 2>/dev/null && exec ${namespaces} "$@"; exec "$@"`;
  const child = spawn('sh', ['-c', script, 'sh', ...node], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  return {
    owns: once(createInterface(child.stdout), 'line'),
    async kill(signal) {
      process.kill(-(child.pid as number), signal);
      return signal === 'SIGKILL' ? once(child, 'close') : undefined;
    },
  };
}

test('a process in other namespaces excludes this one, also while it is stopped; the kernel frees its lock when it is killed', async () => {
  const owner = startOwner();
  await owner.owns;
  const lock = createLock(folder, 50);
  await expect(lock.withLock(async () => undefined)).rejects.toMatchObject({ code: 'unreachable' });
  await owner.kill('SIGSTOP');
  await expect(lock.withLock(async () => undefined)).rejects.toMatchObject({ code: 'unreachable' });
  await owner.kill('SIGKILL');
  expect(await lock.withLock(async (takenOver) => takenOver)).toBe(true);
  await lock.close();
});

test('a lock whose path is longer than a socket allows works', async () => {
  const deep = join(folder, ...Array.from({ length: 5 }, () => 'd'.repeat(60)));
  const lock = createLock(deep, 50);
  expect(await lock.withLock(async (takenOver) => takenOver)).toBe(false);
  await lock.close();
});
