/** I7: what no path names, or cannot be looked at, is never taken for unchanged. */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FilesystemSystem, filesystemConnector, filesystemSystem } from '../src/index.ts';
import { outcomesOf, play, undo } from './play.ts';
import { makeRoot } from './world.ts';

const WHOLE = ['filesystem://notes/'];
let root: string;
let remove: () => Promise<void>;
let system: FilesystemSystem;

beforeEach(async () => {
  ({ root, remove } = await makeRoot());
  await mkdir(join(root, 'a'));
  system = filesystemSystem({ name: 'notes', root, exclusive: ['.'] });
});
afterEach(async () => {
  await system.close();
  await remove();
});

/** A name that is not UTF-8, below the root. */
const raw = (path: string, ...bytes: number[]) => Buffer.concat([Buffer.from(`${root}/${path}`), Buffer.from(bytes)]);
const watched = async (tool: () => Promise<unknown>, declared: readonly string[] = WHOLE) =>
  (await play(system, tool, { declared })).effects;
const named = (effects: Awaited<ReturnType<typeof watched>>) =>
  effects.map(({ operation, resource, beyond }) => [operation, resource.slice('filesystem://notes/'.length), beyond]);

describe('a change without a path is named, escaped', () => {
  const bad = () => raw('a/x\n', 0xff, 0x1b);
  test('a file whose name is not UTF-8: made, written, removed; unchanged it is not named', async () => {
    const effect = [['unnamed', 'a', ['x%0A%FF%1B']]];
    expect(named(await watched(() => writeFile(bad(), 'one')))).toEqual(effect);
    expect(await watched(async () => undefined)).toEqual([]);
    expect(named(await watched(() => writeFile(bad(), 'larger')))).toEqual(effect);
    expect(named(await watched(() => rm(bad())))).toEqual(effect);
    expect(await watched(async () => undefined)).toEqual([]);
  });

  test('a file in a folder whose name is not UTF-8', async () => {
    const folder = raw('', 0xc3);
    await mkdir(folder);
    await mkdir(Buffer.concat([folder, Buffer.from('/deep')]));
    const file = Buffer.concat([folder, Buffer.from('/deep/er')]);
    expect(named(await watched(() => writeFile(file, 'x')))).toEqual([['unnamed', '', ['%C3/deep', '%C3/deep/er']]]);
    expect(named(await watched(() => writeFile(file, 'y')))).toEqual([['unnamed', '', ['%C3/deep/er']]]);
  });

  test('sockets, pipes, reserved names, and paths too long for a URI; also where the pipe itself is declared', async () => {
    const long = Array.from({ length: 5 }, () => 'x'.repeat(250)).join('/');
    await mkdir(join(root, long), { recursive: true });
    const server = createServer();
    const effects = await watched(async () => {
      execFileSync('mkfifo', [join(root, 'pipe')]);
      await new Promise<void>((listening) => server.listen(join(root, 'a/socket'), listening));
      await writeFile(join(root, 'a/.recant-7'), 'hidden');
      await writeFile(join(root, `${long}/deep`), 'x');
    });
    await new Promise((closed) => server.close(closed));
    const beyond = effects.flatMap((effect) => effect.beyond ?? []);
    expect(beyond).toEqual(expect.arrayContaining(['pipe (pipe)', 'socket (socket)', '.recant-7']));
    expect(beyond).toHaveLength(5);
    expect(beyond.every((name) => name.length <= 256)).toBe(true);
    const pipe = await watched(() => utimes(join(root, 'pipe'), 1, 1), ['filesystem://notes/pipe']);
    expect(named(pipe)).toEqual([['unnamed', '', ['pipe (pipe)']]]);
  });

  test('more of them than are compared one by one', async () => {
    for (let file = 0; file < 1_001; file += 1) await writeFile(raw(`a/${file}`, 0xff), '');
    expect(await watched(async () => undefined)).toEqual([]);
    expect(named(await watched(() => writeFile(raw('a/500', 0xff), 'x')))).toEqual([
      ['unnamed', '', ['some of 1001 items without a path']],
    ]);
  });

  test('other effects of the attempt are undone', async () => {
    await writeFile(join(root, 'x'), 'old', { mode: 0o644 });
    const attempt = await play(
      system,
      async () => {
        await writeFile(bad(), 'one');
        await writeFile(join(root, 'x'), 'new');
      },
      { declared: WHOLE },
    );
    const target = await filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root, exclusive: ['.'] } });
    expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['restored']);
    expect(await readFile(join(root, 'x'), 'utf8')).toBe('old');
    await target.close();
  });
});

test('an ignored name that is not UTF-8 is left out', async () => {
  const files = filesystemSystem({ name: 'notes', root, ignore: ['*.log'] });
  const attempt = await play(files, () => writeFile(raw('a/', 0xff, ...Buffer.from('.log')), 'x'), { declared: WHOLE });
  expect(attempt.effects).toEqual([]);
  await files.close();
});
