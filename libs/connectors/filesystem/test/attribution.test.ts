/** Only observed changes are attributed: what somebody else may have done is ambiguous, and every write counts. */
import { chmod, link, mkdir, readFile, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Capture, TargetSystem } from '@recant/connector';
import type { Effect } from '@recant/events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Directory, type FilesystemSystem, filesystemConnector, filesystemSystem } from '../src/index.ts';
import { outcomesOf, type Played, play, refOf, undo } from './play.ts';
import { makeRoot, snapshotOf } from './world.ts';

const WHOLE = ['filesystem://notes/'];
let root: string;
let parent: string;
let remove: () => Promise<void>;
let system: FilesystemSystem;
let other: FilesystemSystem;
let target: TargetSystem;

beforeEach(async () => {
  ({ root, parent, remove } = await makeRoot());
  system = filesystemSystem({ name: 'notes', root });
  other = filesystemSystem({ name: 'notes', root });
  target = await filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root } });
});
afterEach(async () => {
  await Promise.all([system, other, target].map((each) => each.close()));
  await remove();
});

const settle = async (capture: Capture<Directory>): Promise<Effect[]> => {
  const effects: Effect[] = [];
  for await (const effect of capture.settle()) effects.push(effect);
  return effects;
};
const graded = (effects: readonly Effect[]) =>
  effects.map(({ resource, ambiguous }) => [resource.slice('filesystem://notes/'.length), ambiguous === true ? 'ambiguous' : 'own']);
const own = (played: Played): Played => ({ ...played, effects: played.effects.filter(({ ambiguous }) => ambiguous !== true) });
const exclusively = () => filesystemSystem({ name: 'notes', root, exclusive: ['.'] });

describe('I5, I14: a change that somebody else may have made is never attributed to an agent', () => {
  test('overlapping declarations, also in an exclusive folder; both attempts name the change', async () => {
    await writeFile(join(root, 'report.txt'), 'v1');
    const [bad, good] = [exclusively(), exclusively()];
    const refs = [refOf('bad'), refOf('good')] as const;
    const first = await bad.capture(refs[0], WHOLE);
    const second = await good.capture(refs[1], ['filesystem://notes/report.txt']);
    await writeFile(join(root, 'junk.txt'), 'junk by bad');
    await writeFile(join(root, 'report.txt'), 'two hours of work by good');
    const effects = [await settle(first), await settle(second)] as const;
    expect(graded(effects[0])).toEqual([
      ['junk.txt', 'own'],
      ['report.txt', 'ambiguous'],
    ]);
    expect(graded(effects[1])).toEqual([['report.txt', 'ambiguous']]);
    const { results } = await undo(target, [own({ ref: refs[0], effects: effects[0] })]);
    expect(outcomesOf(results)).toEqual(['restored']);
    expect(Object.keys(await snapshotOf(root))).toEqual(['', 'report.txt']);
    // A person selects it in both attempts.
    const again = [own({ ref: refs[0], effects: [] }), { ref: refs[1], effects: effects[1] }];
    expect(outcomesOf((await undo(target, again.slice(1))).results)).toEqual(['restored']);
    await Promise.all([bad.close(), good.close()]);
  });

  test("a person's edit and another process's files below a declared folder", async () => {
    await writeFile(join(root, 'thesis.txt'), 'v1');
    await mkdir(join(root, 'inbox'));
    const attempt = await play(
      system,
      async (handle) => {
        await handle.writeFile('log', 'by the handle');
        await writeFile(join(root, 'thesis.txt'), 'v2 by a person');
        for (let file = 0; file < 50; file += 1) await writeFile(join(root, `inbox/${file}`), 'mail');
      },
      { declared: WHOLE },
    );
    expect(graded(own(attempt).effects)).toEqual([['log', 'own']]);
    expect(attempt.effects).toHaveLength(52);
    const before = await snapshotOf(root);
    expect(outcomesOf((await undo(target, [own(attempt)])).results)).toEqual(['restored']);
    const { log: _gone, ...rest } = before;
    expect(await snapshotOf(root)).toEqual(rest);
  });

  test('a forged grade is refused', async () => {
    const attempt = await play(system, () => writeFile(join(root, 'thesis.txt'), 'by a person'), { declared: WHOLE });
    const forged = attempt.effects.map(({ ambiguous: _ambiguous, ...effect }) => effect);
    const { results } = await undo(target, [{ ref: attempt.ref, effects: forged }]);
    expect(results).toMatchObject([{ outcome: 'irreversible', findings: [{ code: 'image_missing' }] }]);
    expect(await readFile(join(root, 'thesis.txt'), 'utf8')).toBe('by a person');
  });

  test('a look by a second declaration does not hide what the first tool had done by then', async () => {
    await writeFile(join(root, 'x'), 'v1');
    const capture = await system.capture(refOf(), WHOLE);
    await writeFile(join(root, 'x'), 'v2');
    const second = await other.capture(refOf('good'), WHOLE);
    expect(graded(await settle(capture))).toEqual([['x', 'ambiguous']]);
    await second.release();
    const alone = exclusively();
    const attempt = await play(alone, () => writeFile(join(root, 'y'), 'mine'), { declared: WHOLE });
    expect(graded(attempt.effects)).toEqual([['y', 'own']]);
    await alone.close();
  });
});

describe('every write counts, whatever its bytes', () => {
  test('I5: an equal write by an attempt that the plan does not know', async () => {
    await writeFile(join(root, 'x'), 'v1');
    const a = await play(system, (handle) => handle.writeFile('x', 'v2'));
    await play(other, (handle) => handle.writeFile('x', 'v2'), { ref: refOf('good') });
    const c = await play(other, (handle) => handle.chmod('x', 0o600));
    const { results } = await undo(target, [a], [a, c]);
    expect(results).toMatchObject([{ outcome: 'conflicted', findings: [{ code: 'later_write', part: 'content' }] }]);
    expect(await readFile(join(root, 'x'), 'utf8')).toBe('v2');
  });

  test('undoing a rollback after an equal write was undone does not lose that write', async () => {
    await writeFile(join(root, 'x'), 'new', { mode: 0o644 });
    const b = await play(other, (handle) => handle.writeFile('x', 'cancelled'), { ref: refOf('good') });
    const a = await play(system, (handle) => handle.writeFile('x', 'cancelled', { mode: 0o600 }));
    const first = await undo(target, [a]);
    expect(outcomesOf((await undo(target, [b])).results)).toEqual(['restored']);
    expect(await readFile(join(root, 'x'), 'utf8')).toBe('new');
    const { results } = await undo(target, first.inverses);
    expect(results).toMatchObject([{ outcome: 'conflicted' }]);
  });

  test('later writes that are undone, by this run or an earlier one, are none; put back into effect they are', async () => {
    await writeFile(join(root, 'x'), 'v1');
    const a = await play(system, (handle) => handle.writeFile('x', 'v2'));
    const b = await play(other, (handle) => handle.writeFile('x', 'v3'));
    const { inverses } = await undo(target, [b]);
    const redone = await undo(target, inverses);
    expect(outcomesOf(redone.results)).toEqual(['restored']);
    expect(outcomesOf((await undo(target, [a])).results)).toEqual(['conflicted']);
    expect(outcomesOf((await undo(target, redone.inverses)).results)).toEqual(['restored']);
    expect(outcomesOf((await undo(target, [a])).results)).toEqual(['restored']);
    expect(await readFile(join(root, 'x'), 'utf8')).toBe('v1');
  });

  test('equal bytes with another mode, and equal bytes with the old time in a new file', async () => {
    await writeFile(join(root, 'x'), 'v1', { mode: 0o644 });
    await utimes(join(root, 'x'), 1, 1);
    const attempt = await play(
      system,
      async () => {
        await writeFile(join(root, 'x'), 'v1');
        await chmod(join(root, 'x'), 0o600);
      },
      { declared: WHOLE },
    );
    expect(Object.keys(attempt.effects[0]?.parts ?? {}).sort()).toEqual(['content', 'mode']);
    const renamed = await play(
      system,
      async () => {
        await writeFile(join(root, '.new'), 'v1', { mode: 0o600 });
        await utimes(join(root, '.new'), 1, 1);
        await utimes(join(root, 'x'), 1, 1);
        await rename(join(root, '.new'), join(root, 'x'));
      },
      { declared: ['filesystem://notes/x'] },
    );
    expect(Object.keys(renamed.effects[0]?.parts ?? {})).toEqual(['content']);
  });

  test('a chmod is not undone on something else of the same mode', async () => {
    await writeFile(join(root, 'x'), 'v1', { mode: 0o644 });
    const attempt = await play(system, (handle) => handle.chmod('x', 0o755));
    await rm(join(root, 'x'));
    await mkdir(join(root, 'x'));
    await chmod(join(root, 'x'), 0o755);
    const { results } = await undo(target, [attempt]);
    expect(results).toMatchObject([{ outcome: 'conflicted', findings: [{ code: 'drift', part: 'exists' }] }]);
  });
});

describe('I7: a write through another name is unknown, and that name is in the account', () => {
  test('a hard link', async () => {
    await writeFile(join(root, 'x'), 'good');
    await link(join(root, 'x'), join(root, 'y'));
    await link(join(root, 'x'), join(parent, 'outside'));
    const attempt = await play(system, () => writeFile(join(root, 'x'), 'bad!'), { declared: ['filesystem://notes/x'] });
    expect(attempt.effects).toMatchObject([{ beyond: ['y', '1 name outside the folder'] }]);
    expect(outcomesOf((await undo(target, [attempt])).results)).toEqual(['restored']);
    expect(await readFile(join(root, 'x'), 'utf8')).toBe('good');
    expect(await readFile(join(root, 'y'), 'utf8')).toBe('bad!');
  });

  test('a symbolic link, inside and out', async () => {
    await writeFile(join(root, 'real'), 'good');
    await writeFile(join(parent, 'outside'), 'good');
    await symlink('real', join(root, 'in'));
    await symlink(join(parent, 'outside'), join(root, 'out'));
    const declared = ['filesystem://notes/in', 'filesystem://notes/out'];
    const attempt = await play(
      system,
      async () => {
        await writeFile(join(root, 'in'), 'bad');
        await writeFile(join(root, 'out'), 'bad');
      },
      { declared },
    );
    expect(attempt.effects.map(({ operation, beyond }) => [operation, beyond?.[0]?.split('/').at(-1)])).toEqual([
      ['write_through', 'real'],
      ['write_through', 'outside'],
    ]);
  });
});

describe('a file over the limit needs no image to be moved, removed or replaced', () => {
  const small = () => filesystemSystem({ name: 'notes', root, fileBytesMax: 10 });
  const LARGE = 'more than ten bytes';

  test('by the handle', async () => {
    await mkdir(join(root, 'a'));
    for (const name of ['moved', 'removed', 'replaced']) await writeFile(join(root, 'a', name), `${LARGE} ${name}`);
    await truncate(join(root, 'a/removed'), 300_000_000);
    const before = await snapshotOf(root);
    const files = small();
    const attempt = await play(files, async (handle) => {
      await handle.move('a/moved', 'elsewhere');
      await handle.writeFile('a/replaced', 'x');
      await handle.remove('a', { recursive: true });
    });
    await files.close();
    const { results, inverses } = await undo(target, [attempt]);
    expect(outcomesOf(results)).toEqual(['restored']);
    expect(await snapshotOf(root)).toEqual(before);
    expect(outcomesOf((await undo(target, inverses)).results)).toEqual(['restored']);
    expect(Object.keys(await snapshotOf(root))).toEqual(['', 'elsewhere']);
  });

  test('by a tool: renamed is put back, rewritten in place is expired', async () => {
    await writeFile(join(root, 'x'), LARGE);
    await writeFile(join(root, 'y'), LARGE.toUpperCase());
    const files = small();
    const moved = await play(files, () => rename(join(root, 'x'), join(root, 'z')), { declared: WHOLE });
    const written = await play(files, () => writeFile(join(root, 'y'), 'other'), { declared: WHOLE });
    await files.close();
    expect(outcomesOf((await undo(target, [written])).results)).toEqual(['expired']);
    expect(outcomesOf((await undo(target, [moved])).results)).toEqual(['restored']);
    expect(await readFile(join(root, 'x'), 'utf8')).toBe(LARGE);
  });
});

test('ignored paths are left out, and a change is looked for where the last look found it', async () => {
  const files = filesystemSystem({ name: 'notes', root, ignore: ['node_modules', '*.log', 'out/**'] });
  await mkdir(join(root, 'node_modules'));
  const attempt = await play(
    files,
    async () => {
      for (const name of ['node_modules/x', 'a.log', 'kept']) await writeFile(join(root, name), 'x');
      await mkdir(join(root, 'out'));
      await writeFile(join(root, 'out/x'), 'x');
    },
    { declared: WHOLE },
  );
  await files.close();
  expect(graded(attempt.effects).map(([path]) => path)).toEqual(['kept', 'out']);
  expect(() => filesystemSystem({ name: 'notes', root, ignore: ['/'] })).toThrow(/Invalid `ignore`/);
});

test('what is registered applies to every process that captures, also to one that is open, until it is registered anew', async () => {
  const register = async (options: Record<string, unknown>) =>
    (await filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root, ...options } })).close();
  const watched = async () => {
    await rm(join(root, 'agents'), { recursive: true, force: true });
    await mkdir(join(root, 'agents'));
    const attempt = await play(
      system,
      async () => {
        for (const name of ['agents/x', 'agents/a.log', 'y']) await writeFile(join(root, name), String(Math.random()));
      },
      { declared: WHOLE },
    );
    return graded(attempt.effects);
  };
  await mkdir(join(root, 'agents'));
  await writeFile(join(root, 'y'), 'v1');
  await register({ exclusive: ['agents/'], ignore: ['*.log'], fileBytesMax: 1_000 });
  expect(await watched()).toEqual([
    ['agents/x', 'own'],
    ['y', 'ambiguous'],
  ]);
  await register({});
  expect(await watched()).toEqual([
    ['agents/a.log', 'ambiguous'],
    ['agents/x', 'ambiguous'],
    ['y', 'ambiguous'],
  ]);
  await register({ watchedEntriesMax: 2 });
  await expect(system.capture(refOf(), WHOLE)).rejects.toMatchObject({ code: 'too_large' });
});
