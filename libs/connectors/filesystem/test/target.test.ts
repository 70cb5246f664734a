import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TargetSystem } from '@recant/connector';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FilesystemSystem, filesystemConnector, filesystemSystem } from '../src/index.ts';
import { type Played, play, undo } from './play.ts';
import { makeRoot, snapshotOf } from './world.ts';

let root: string;
let parent: string;
let remove: () => Promise<void>;
let system: FilesystemSystem;
let target: TargetSystem;

beforeEach(async () => {
  ({ root, parent, remove } = await makeRoot());
  await mkdir(join(root, 'a'));
  await writeFile(join(root, 'a/one'), 'one');
  system = filesystemSystem({ name: 'notes', root });
  target = await filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root } });
});
afterEach(async () => {
  await system.close();
  await target.close();
  await remove();
});

/** Undoing is refused with these findings, and nothing is written. */
async function expectRefused(
  attempt: Played,
  outcome: string,
  codes: readonly string[],
  knows: readonly Played[] = [attempt],
): Promise<void> {
  const before = await snapshotOf(root);
  const { results } = await undo(target, [attempt], [...knows]);
  expect(results).toMatchObject([{ outcome, effects: [] }]);
  expect(results[0]?.findings.map(({ code }) => code)).toEqual(codes);
  expect(await snapshotOf(root)).toEqual(before);
}

describe('an inverse never does more than the attempt did', () => {
  test('a folder that it created stays if another process added an item', async () => {
    const attempt = await play(system, (handle) => handle.mkdir('made'));
    await writeFile(join(root, 'made/theirs'), 'x');
    await expectRefused(attempt, 'conflicted', ['constraint']);
  });

  test('a file is not restored if its folder no longer exists', async () => {
    const attempt = await play(system, (handle) => handle.remove('a/one'));
    await rm(join(root, 'a'), { recursive: true });
    await expectRefused(attempt, 'conflicted', ['constraint']);
  });

  test('a file that was moved with its folder stays where it is', async () => {
    const attempt = await play(system, (handle) => handle.writeFile('a/one', 'bad'));
    const later = await play(system, (handle) => handle.move('a', 'z'));
    await expectRefused(attempt, 'conflicted', ['drift'], [attempt, later]);
  });

  test('nothing is written through a link that replaced a folder', async () => {
    const attempt = await play(system, (handle) => handle.writeFile('a/one', 'bad'));
    await mkdir(join(parent, 'outside'));
    await writeFile(join(parent, 'outside/one'), 'bad');
    await rename(join(root, 'a'), join(parent, 'kept'));
    await symlink('../outside', join(root, 'a'));
    await expectRefused(attempt, 'conflicted', ['unreadable']);
    expect(await target.probe([{ resource: 'filesystem://notes/a/one', part: 'exists' }])).toMatchObject([{ kind: 'unreadable' }]);
  });

  test('a mode that changed later is another part: the content is restored, the mode stays', async () => {
    const attempt = await play(system, (handle) => handle.writeFile('a/one', 'bad'));
    await play(system, (handle) => handle.chmod('a/one', 0o600));
    const { results } = await undo(target, [attempt]);
    expect(results).toMatchObject([{ outcome: 'restored' }]);
    expect((await snapshotOf(root))['a/one']).toBe(`file 600 ${Buffer.from('one').toString('base64')}`);
  });

  test('an effect with a missing part does not remove that part', async () => {
    const attempt = await play(system, (handle) => handle.writeFile('new', 'x'));
    const cut = attempt.effects.map((effect) => ({
      ...effect,
      parts: Object.fromEntries(Object.entries(effect.parts).filter(([part]) => part === 'exists')),
    }));
    await expectRefused({ ...attempt, effects: cut }, 'irreversible', ['image_missing']);
  });

  test("another attempt's effects are not undone under this attempt", async () => {
    const good = await play(system, (handle) => handle.writeFile('a/one', 'good'));
    const bad = await play(system, (handle) => handle.writeFile('bad', 'bad'));
    await expectRefused({ ref: bad.ref, effects: good.effects }, 'irreversible', ['image_missing']);
  });
});

describe('an inverse needs its images and its store', () => {
  test('a lost or damaged image is reported', async () => {
    await writeFile(join(root, 'a/one'), 'large enough for a file of its own '.repeat(2_000));
    const attempt = await play(system, (handle) => handle.remove('a/one'));
    const images = join(parent, '.recant-images-notes/images');
    const [folder = ''] = await readdir(images);
    const [file = ''] = await readdir(join(images, folder));
    await writeFile(join(images, folder, file), 'damaged');
    await expectRefused(attempt, 'expired', ['image_missing']);
    await rm(join(images, folder, file));
    await expectRefused(attempt, 'expired', ['image_missing']);
  });

  test('a new store has no effects of an old one', async () => {
    const attempt = await play(system, (handle) => handle.remove('a/one'));
    await target.close();
    target = await filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root, store: join(parent, 'other') } });
    await expectRefused(attempt, 'irreversible', ['image_missing', 'image_missing', 'image_missing'].slice(0, 1));
  });

  test('a store that others can write is refused', async () => {
    await play(system, (handle) => handle.remove('a/one'));
    await chmod(join(parent, '.recant-images-notes'), 0o777);
    await expect(filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root } })).rejects.toMatchObject({
      code: 'not_prepared',
    });
  });
});

describe('a target is opened only with a matching registration', () => {
  const open = (options: Record<string, unknown>, name = 'notes', connector = 'filesystem') =>
    filesystemConnector.open({ name, connector, options });

  test('with valid options', async () => {
    for (const options of [
      {},
      { root: 7 },
      { root: '' },
      { root: `${root}\0` },
      { root, more: 1 },
      { root, fileBytesMax: 0 },
      { root, store: root },
      { root, exclusive: '.' },
      { root, exclusive: ['../x'] },
      { root, exclusive: ['/etc'] },
      { root, ignore: [7] },
      { root, ignore: ['/'] },
    ]) {
      await expect(open(options)).rejects.toMatchObject({ code: 'options_invalid' });
    }
    await expect(open({ root }, '../x')).rejects.toMatchObject({ code: 'options_invalid' });
    await expect(open({ root }, 'notes', 'postgres')).rejects.toMatchObject({ code: 'options_invalid' });
    await expect(open({ root: join(root, 'a/one') })).rejects.toMatchObject({ code: 'options_invalid' });
    await expect(open({ root: join(root, 'nothing') })).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('under the name and on the root of its store', async () => {
    const identity = await target.identity();
    const again = await open({ root });
    expect(await again.identity()).toBe(identity);
    await again.close();
    await expect(open({ root, store: join(parent, '.recant-images-notes') }, 'others')).rejects.toMatchObject({ code: 'options_invalid' });
    await rename(root, join(parent, 'moved'));
    await mkdir(root);
    await expect(open({ root })).rejects.toMatchObject({ code: 'unreachable' });
    await expect(target.identity()).rejects.toMatchObject({ code: 'unreachable' });
  });
});
