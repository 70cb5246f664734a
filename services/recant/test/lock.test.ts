import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFolder } from '../src/folder/lock.ts';
import { EXIT } from '../src/terminal/exit.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recant-lock-'));
});
afterEach(() => rm(dir, { recursive: true }));

test('a second process in a folder gets the pid and URL of the first', async () => {
  const first = await lockFolder(dir);
  await first.announce('http://127.0.0.1:7300');
  await expect(lockFolder(dir)).rejects.toMatchObject({
    exitCode: EXIT.refused,
    message: expect.stringContaining(`process ${process.pid} at http://127.0.0.1:7300`),
  });
  await first.release();
  await (await lockFolder(dir)).release();
  expect(await readdir(dir)).toEqual([]);
});

test('of many concurrent processes one gets the folder', async () => {
  const taken = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(dir)));
  expect(taken.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
});

test('a lock file of a killed process, of a reused pid, or incomplete, is replaced', async () => {
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'exit');
  for (const left of [JSON.stringify({ pid: gone.pid, started: '1' }), JSON.stringify({ pid: process.pid, started: '1' }), '{"pid":', '']) {
    await writeFile(join(dir, 'up.pid'), left);
    const lock = await lockFolder(dir);
    expect(JSON.parse(await readFile(join(dir, 'up.pid'), 'utf8'))).toMatchObject({ pid: process.pid });
    await lock.release();
  }
});
