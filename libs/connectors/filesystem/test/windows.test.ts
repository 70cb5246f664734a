/** A save by somebody else in any window of an inverse survives, whatever the size of the file. */
import { chmod, mkdir, open, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesystemSystem } from '../src/index.ts';
import { createFilesystemConnector } from '../src/undo/filesystem-connector.ts';
import { type Played, play, undo } from './play.ts';
import { makeRoot, snapshotOf } from './world.ts';

const THEIRS = 'a person saved this just now';
const LARGE = 8 * 1024 * 1024;
const WINDOWS = [
  'plan.written',
  'put.prepared',
  'apply.write',
  'apply.remove',
  'aside.moved',
  'aside.compared',
  'put.placed',
  'step.written',
];
let root: string;
let remove: () => Promise<void>;

beforeEach(async () => {
  ({ root, remove } = await makeRoot());
});
afterEach(() => remove());

/** Undoes an attempt while `act` runs at a window; undefined: the inverse never came by there. */
async function undoWith(attempt: Played, window: string, act: () => Promise<void>): Promise<string | undefined> {
  let met = false;
  const connector = createFilesystemConnector(async (point) => {
    if (point !== window || met) return;
    met = true;
    await act();
  });
  const target = await connector.open({ name: 'notes', connector: 'filesystem', options: { root } });
  const { results } = await undo(target, [attempt]);
  await target.close();
  expect((await readdir(root, { recursive: true })).filter((name) => name.includes('.recant'))).toEqual([]);
  return met ? results[0]?.outcome : undefined;
}

async function attemptOn(tool: Parameters<typeof play>[1]): Promise<Played> {
  const system = filesystemSystem({ name: 'notes', root });
  const attempt = await play(system, tool);
  await system.close();
  return attempt;
}

const SAVES: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'in place': (path) => writeFile(path, THEIRS),
  'by rename': async (path) => {
    await writeFile(`${path}~`, THEIRS);
    await rename(`${path}~`, path);
  },
};

for (const [how, save] of Object.entries(SAVES)) {
  for (const [what, size] of Object.entries({ small: 5, large: LARGE })) {
    test(`I5: a save ${how} of a ${what} file, in each window of its replacement and removal`, { timeout: 120_000 }, async () => {
      let met = 0;
      for (const window of WINDOWS) {
        for (const name of ['old', 'new']) {
          await rm(join(root, name), { force: true });
          if (name === 'old') await writeFile(join(root, name), Buffer.alloc(size, 'a'), { mode: 0o644 });
          const attempt = await attemptOn((handle) => handle.writeFile(name, Buffer.alloc(size, 'b')));
          const outcome = await undoWith(attempt, window, () => save(join(root, name)));
          if (outcome === undefined) continue;
          met += 1;
          expect([window, await readFile(join(root, name), 'utf8')]).toEqual([window, THEIRS]);
          const isLater = window === 'put.placed' || window === 'step.written' || (name === 'new' && window.startsWith('aside'));
          expect([window, name, outcome]).toEqual([window, name, isLater ? 'restored' : 'conflicted']);
        }
      }
      expect(met).toBe(12);
    });
  }
}

test('I5: a writer that opened the file before is found after the replacement, and its text is at the name', async () => {
  for (const window of ['apply.write', 'aside.moved', 'aside.compared', 'put.placed']) {
    await writeFile(join(root, 'x'), 'old', { mode: 0o644 });
    const attempt = await attemptOn((handle) => handle.writeFile('x', 'bad'));
    const file = await open(join(root, 'x'), 'r+');
    expect(await undoWith(attempt, window, async () => void (await file.write(THEIRS, 0)))).toBe('conflicted');
    await file.close();
    expect(await readFile(join(root, 'x'), 'utf8')).toBe(THEIRS);
  }
});

describe('I5: a name that somebody takes meanwhile is not overwritten, and the rest of the step is taken back', () => {
  const TAKEN: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    file: (path) => writeFile(path, THEIRS),
    folder: (path) => mkdir(path),
    link: (path) => symlink('/etc/passwd', path),
  };
  for (const [what, take] of Object.entries(TAKEN)) {
    test(`by a ${what}`, async () => {
      for (const name of ['gone', 'other']) await writeFile(join(root, name), 'old', { mode: 0o644 });
      const attempt = await attemptOn(async (handle) => {
        await handle.remove('gone');
        await handle.writeFile('other', 'bad');
      });
      expect(await undoWith(attempt, 'apply.create', () => take(join(root, 'gone')).then(() => undefined))).toBe('conflicted');
      expect(await readFile(join(root, 'other'), 'utf8')).toBe('bad');
      const snapshot = await snapshotOf(root);
      expect(snapshot.gone).toMatch({ file: /^file/, folder: /^dir/, link: /^link/ }[what] as RegExp);
    });
  }

  test('a folder that is swapped for a link leads nothing outside', async () => {
    await mkdir(join(root, 'a'));
    await writeFile(join(root, 'a/x'), 'old', { mode: 0o644 });
    const attempt = await attemptOn((handle) => handle.writeFile('a/x', 'bad'));
    const { root: elsewhere, remove: removeElsewhere } = await makeRoot();
    await writeFile(join(elsewhere, 'x'), 'bad', { mode: 0o644 });
    await undoWith(attempt, 'plan.written', async () => {
      await rename(join(root, 'a'), join(root, 'b'));
      await symlink(elsewhere, join(root, 'a'));
    });
    expect(await readFile(join(elsewhere, 'x'), 'utf8')).toBe('bad');
    await removeElsewhere();
  });
});

test('rights that change meanwhile: the mode of somebody else stays', async () => {
  await writeFile(join(root, 'x'), 'old', { mode: 0o644 });
  const attempt = await attemptOn((handle) => handle.chmod('x', 0o600));
  expect(await undoWith(attempt, 'plan.written', () => chmod(join(root, 'x'), 0o640))).toBe('conflicted');
  expect((await snapshotOf(root)).x).toMatch(/^file 640/);
});

describe('I5: a folder that is moved while an inverse works in it keeps what it had', () => {
  const MOVES = ['plan.written', 'put.prepared', 'apply.write', 'aside.moved', 'aside.compared', 'put.placed'];
  for (const where of ['elsewhere below the root', 'out of the root']) {
    test(`moved ${where}, at each window`, async () => {
      const { root: outside, remove: removeOutside } = await makeRoot();
      for (const window of MOVES) {
        for (const name of ['a', 'a/b']) await mkdir(join(root, name), { recursive: true });
        for (const file of ['a/x', 'a/b/y']) await writeFile(join(root, file), 'old', { mode: 0o644 });
        const attempt = await attemptOn(async (handle) => {
          await handle.writeFile('a/x', 'bad');
          await handle.writeFile('a/b/y', 'bad');
          await handle.writeFile('a/new', 'bad');
        });
        const before = await snapshotOf(join(root, 'a'));
        const place = where === 'out of the root' ? join(outside, 'moved') : join(root, 'moved');
        expect([window, await undoWith(attempt, window, () => rename(join(root, 'a'), place))]).toEqual([window, 'conflicted']);
        expect([window, await snapshotOf(place)]).toEqual([window, before]);
        expect(Object.keys(await snapshotOf(root)).filter((name) => name !== '' && !name.startsWith('moved'))).toEqual([]);
        await rm(place, { recursive: true });
      }
      await removeOutside();
    });
  }

  test('another folder that is put in its place is not written to', async () => {
    await mkdir(join(root, 'a'));
    await writeFile(join(root, 'a/x'), 'old', { mode: 0o644 });
    const attempt = await attemptOn((handle) => handle.writeFile('a/x', 'bad'));
    const outcome = await undoWith(attempt, 'plan.written', async () => {
      await rename(join(root, 'a'), join(root, 'b'));
      await mkdir(join(root, 'a'));
      await writeFile(join(root, 'a/x'), 'bad', { mode: 0o644 });
    });
    expect(outcome).toBe('conflicted');
    for (const name of ['a/x', 'b/x']) expect(await readFile(join(root, name), 'utf8')).toBe('bad');
  });
});

describe('I5: a save by somebody else in any window of an operation of the handle survives: it stays, or an undo brings it back', () => {
  const WINDOWS_OF_HANDLE = ['do.written', 'put.prepared', 'aside.moved', 'aside.compared', 'put.placed', 'work.done', 'did.written'];
  const OPERATIONS: Readonly<Record<string, Parameters<typeof play>[1]>> = {
    write: (handle) => handle.writeFile('x', 'bad'),
    edit: (handle) => handle.edit('x', ' ', '_'),
    append: (handle) => handle.append('x', '!'),
    remove: (handle) => handle.remove('x'),
    'move away': (handle) => handle.move('x', 'y'),
    'move over': (handle) => handle.move('z', 'x'),
  };
  for (const [what, operation] of Object.entries(OPERATIONS)) {
    test.each(Object.keys(SAVES))(`${what}, saved %s`, { timeout: 120_000 }, async (how) => {
      let met = 0;
      for (const window of WINDOWS_OF_HANDLE) {
        for (const name of await readdir(root)) await rm(join(root, name));
        for (const name of ['x', 'z']) await writeFile(join(root, name), `old ${name}`, { mode: 0o644 });
        let isSaved = false;
        const system = filesystemSystem({
          name: 'notes',
          root,
          failpoint: async (point) => {
            if (point !== window || isSaved) return;
            isSaved = true;
            await SAVES[how]?.(join(root, 'x'));
          },
        });
        const attempt = await play(system, operation);
        await system.close();
        if (!isSaved) continue;
        met += 1;
        expect((await readdir(root)).filter((name) => name.includes('.recant'))).toEqual([]);
        const target = await createFilesystemConnector().open({ name: 'notes', connector: 'filesystem', options: { root } });
        if (attempt.effects.length > 0) await undo(target, [attempt]);
        await target.close();
        const all = Object.values(await snapshotOf(root));
        const texts = all.map((line) => Buffer.from(line.split(' ')[2] ?? '', 'base64').toString());
        expect([window, texts.some((text) => text.startsWith(THEIRS))]).toEqual([window, true]);
      }
      expect(met).toBeGreaterThanOrEqual(4);
    });
  }
});
