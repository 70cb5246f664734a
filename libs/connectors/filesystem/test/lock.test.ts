import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createLock } from '../src/store/lock.ts';

const disk = vi.hoisted(() => ({ full: false }));
vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>();
  const writeFile = async (...given: Parameters<typeof fs.writeFile>): Promise<void> => {
    if (!disk.full) return fs.writeFile(...given);
    await fs.writeFile(given[0], '');
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  return { ...fs, writeFile };
});

test('a full disk does not leave the lock with a live process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'recant-lock-'));
  try {
    const lock = createLock(folder, 50);
    const done = await lock.withLock(async () => {
      disk.full = true;
      return 'done';
    });
    expect(done).toBe('done');
    await expect(lock.withLock(async () => undefined)).rejects.toThrow(/ENOSPC/);
    disk.full = false;
    expect(await createLock(folder, 50).withLock(async (takenOver) => takenOver)).toBe(true);
    expect(await lock.withLock(async (takenOver) => takenOver)).toBe(false);
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  } finally {
    disk.full = false;
    await rm(folder, { recursive: true });
  }
});
