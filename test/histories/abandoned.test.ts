import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { clusterFolder, removeAbandoned } from './abandoned.ts';

test('the next start removes the clusters of processes that were killed, and ends their servers; it touches nothing else', async () => {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'recant-abandoned-')));
  const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(dead, 'exit');
  const own = clusterFolder(root);
  const left = join(root, `recant-failovers-${dead.pid}-0123456789ab`);
  const others = ['recant-failovers-x-1', 'recant-test-0123', `recant-failovers-${dead.pid}-0123456789ab.txt`];
  for (const folder of [own, left, `${left}.saved`, ...others.map((name) => join(root, name))]) await mkdir(folder);
  for (const suffix of ['.log', '.passwords']) await writeFile(`${left}${suffix}`, '');
  // In the place of a server, and of a process that got the number of one.
  const idle = (cwd: string) => spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { cwd, stdio: 'ignore' });
  const [server, stranger] = [idle(left), idle(root)];
  try {
    await Promise.all([once(server, 'spawn'), once(stranger, 'spawn')]);
    await writeFile(join(left, 'postmaster.pid'), `${server.pid}\n${left}\n`);
    await writeFile(join(`${left}.saved`, 'postmaster.pid'), `${stranger.pid}\n${left}\n`);
    const ended = once(server, 'exit');
    await removeAbandoned(root);
    expect((await ended)[1]).toBe('SIGQUIT');
    expect((await readdir(root)).sort()).toEqual([...others, basename(own)].sort());
    expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null]);
  } finally {
    for (const one of [server, stranger]) one.kill('SIGKILL');
    await rm(root, { recursive: true, force: true });
  }
});
