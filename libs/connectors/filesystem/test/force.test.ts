/** Mode `force`: what somebody else left since is overwritten where the plan names it, and is the *before* of the inverse. */
import { chmod, link, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InverseResult, InverseStep, Overwrite, TargetSystem } from '@recant/connector';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FilesystemSystem, filesystemConnector, filesystemSystem } from '../src/index.ts';
import { createFilesystemConnector } from '../src/undo/filesystem-connector.ts';
import { killErrand } from './killing.ts';
import { type Played, play, refOf, stepOf, undo } from './play.ts';
import { makeRoot, snapshotOf } from './world.ts';

let root: string;
let parent: string;
let remove: () => Promise<void>;
let system: FilesystemSystem;
let target: TargetSystem;

const openWith = (failpoint?: (point: string) => Promise<void> | void) =>
  createFilesystemConnector(failpoint).open({ name: 'notes', connector: 'filesystem', options: { root } });
const uri = (path: string): string => `filesystem://notes/${path}`;

beforeEach(async () => {
  ({ root, parent, remove } = await makeRoot());
  await mkdir(join(root, 'a'));
  for (const name of ['one', 'two', 'three', 'gone', 'a/x']) await writeFile(join(root, name), `old ${name}`, { mode: 0o644 });
  system = filesystemSystem({ name: 'notes', root });
  target = await filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root } });
});
afterEach(async () => {
  await system.close();
  await target.close();
  await remove();
});

const overwritesOf = ({ findings }: InverseResult): Overwrite[] =>
  findings.flatMap(({ code, resource, part, found, writer }) =>
    code === 'overwritten' && writer ? [{ resource, part, version: found ?? null, through: writer.ordinal }] : [],
  );

/** What a plan in mode `force` names, then the run's step with it. */
async function planned(attempt: Played): Promise<{ readonly step: InverseStep; readonly answer: InverseResult }> {
  const [answer] = await target.rehearse([{ ...stepOf(1, attempt), overwrites: 'any' }]);
  if (answer === undefined) throw new Error('no answer');
  return { answer, step: { ...stepOf(1, attempt), overwrites: overwritesOf(answer) } };
}

const batchOf = (step: InverseStep, run = 'forced') => ({ run, token: '1', steps: [step] });

async function invertOne(step: InverseStep, by = target): Promise<InverseResult> {
  const [result] = await by.invert(batchOf(step));
  if (result === undefined) throw new Error('no result');
  return result;
}

const badOn = (...names: string[]) =>
  play(system, async (handle) => {
    for (const name of names) await handle.writeFile(name, `bad ${name}`);
  });
const textOf = (name: string): Promise<string> => readFile(join(root, name), 'utf8');

test('I5: contents and modes that others left are overwritten and named, and undoing the inverse brings each back', async () => {
  const before = await snapshotOf(root);
  const attempt = await play(system, async (handle) => {
    for (const name of ['one', 'two', 'three', 'made']) await handle.writeFile(name, `bad ${name}`);
    await handle.remove('gone');
    await handle.chmod('a/x', 0o600);
  });
  const helper = await play(system, (handle) => handle.writeFile('two', 'by a helper'), { ref: refOf('helper') });
  await writeFile(join(root, 'one'), 'saved by a person');
  await writeFile(join(root, 'made'), 'large '.repeat(50_000));
  await chmod(join(root, 'three'), 0o600);
  await writeFile(join(root, 'gone'), 'made again', { mode: 0o600 });
  await chmod(join(root, 'a/x'), 0o640);
  const theirs = await snapshotOf(root);

  const { answer, step } = await planned(attempt);
  expect(answer.outcome).toBe('restored');
  expect(await snapshotOf(root)).toEqual(theirs);
  const result = await invertOne(step);
  expect(result.outcome).toBe('restored');
  expect(result.findings.map(({ code, resource, part, writer }) => [code, resource, part, writer?.who.replace(/ at .*/, '')])).toEqual([
    ['overwritten', uri('one'), 'content', 'a process outside Recant'],
    ['overwritten', uri('two'), 'content', helper.ref.source],
    ['overwritten', uri('made'), 'content', 'a process outside Recant'],
    ['overwritten', uri('gone'), 'content', 'a process outside Recant'],
    ['overwritten', uri('gone'), 'mode', 'a process outside Recant'],
    ['overwritten', uri('a/x'), 'mode', 'a process outside Recant'],
  ]);
  // Somebody else's mode of a file whose content alone the attempt wrote is no part of the step.
  expect(await snapshotOf(root)).toEqual({ ...before, three: before.three?.replace('644', '600') });

  const { results } = await undo(target, [{ ref: step.attempt, effects: result.effects }]);
  expect(results.map(({ outcome }) => outcome)).toEqual(['restored']);
  expect(await snapshotOf(root)).toEqual(theirs);
});

test('I5: only what the plan names is overwritten: a save after it, or a recorded write of equal content, is a conflict', async () => {
  const saved = await badOn('one');
  await writeFile(join(root, 'one'), 'saved by a person');
  const first = await planned(saved);
  expect((await invertOne({ ...first.step, overwrites: 'any' })).outcome).toBe('conflicted');
  expect((await invertOne({ ...first.step, overwrites: [] })).findings).toMatchObject([{ code: 'drift', part: 'content' }]);
  await writeFile(join(root, 'one'), 'saved again');
  expect(await invertOne(first.step)).toMatchObject({
    outcome: 'conflicted',
    findings: [{ code: 'drift', resource: uri('one'), detail: expect.stringContaining('since the plan') }],
  });
  expect(await textOf('one')).toBe('saved again');

  const rewritten = await badOn('two');
  await play(system, (handle) => handle.writeFile('two', 'by a helper'));
  const second = await planned(rewritten);
  await play(system, (handle) => handle.writeFile('two', 'by a helper'));
  expect((await invertOne({ ...second.step, step: 2 })).outcome).toBe('conflicted');
  expect(await textOf('two')).toBe('by a helper');
});

test('I5: force puts nothing through or over a link, a folder, an item that others removed or filled, or what is not of the attempt', async () => {
  const inTheWay: Readonly<Record<string, () => Promise<unknown>>> = {
    'a symbolic link': async () => {
      await rm(join(root, 'one'));
      await writeFile(join(parent, 'outside'), 'outside');
      await symlink(join(parent, 'outside'), join(root, 'one'));
    },
    'a folder': async () => {
      await rm(join(root, 'one'), { recursive: true });
      await mkdir(join(root, 'one'));
    },
    nothing: () => rm(join(root, 'one'), { recursive: true }),
  };
  for (const [what, act] of Object.entries(inTheWay)) {
    await rm(join(root, 'one'), { recursive: true, force: true });
    await writeFile(join(root, 'one'), 'old one');
    const attempt = await badOn('one');
    await act();
    const there = await snapshotOf(root);
    const { answer, step } = await planned(attempt);
    expect([what, answer.outcome, new Set(answer.findings.map(({ code }) => code))]).toEqual([what, 'conflicted', new Set(['drift'])]);
    expect((await invertOne(step)).outcome).toBe('conflicted');
    expect(await snapshotOf(root)).toEqual(there);
  }
  expect(await readFile(join(parent, 'outside'), 'utf8')).toBe('outside');

  const folder = await play(system, (handle) => handle.mkdir('made'));
  await writeFile(join(root, 'made/theirs'), 'x');
  expect((await planned(folder)).answer).toMatchObject({ outcome: 'conflicted', findings: [{ code: 'constraint' }] });

  // The link is a part of the path, not of the step.
  const below = await badOn('a/x');
  await rename(join(root, 'a'), join(parent, 'a'));
  await symlink(join(parent, 'a'), join(root, 'a'));
  await writeFile(join(parent, 'a/x'), 'outside');
  expect((await planned(below)).answer).toMatchObject({ outcome: 'conflicted', findings: [{ code: 'unreadable' }] });
  expect(await readFile(join(parent, 'a/x'), 'utf8')).toBe('outside');

  const [effect] = below.effects;
  for (const resource of ['filesystem://notes/../outside', 'filesystem://other/two', 'filesystem://notes/', uri('two')]) {
    const forged = { ...below, effects: [{ ...(effect as NonNullable<typeof effect>), resource }] };
    const overwrites: Overwrite[] = [{ resource, part: 'content', version: 'v1.x', through: '99' }];
    const result = await invertOne({ ...stepOf(7, forged), overwrites });
    expect([resource, result.outcome === 'conflicted' || result.outcome === 'irreversible']).toEqual([resource, true]);
  }
  expect(await textOf('two')).toBe('old two');
});

test('a change that the attempt may not have made is forced only where a person selected it, and names that its writer is uncertain', async () => {
  const watched = await play(system, () => writeFile(join(root, 'one'), 'by a tool'), { declared: ['filesystem://notes/'] });
  const later = await play(system, () => writeFile(join(root, 'one'), 'by another tool'), { declared: ['filesystem://notes/'] });
  expect(watched.effects).toMatchObject([{ ambiguous: true }]);
  const own = { ...watched, effects: watched.effects.map(({ ambiguous: _ambiguous, ...effect }) => effect) };
  expect((await planned(own)).answer).toMatchObject({ outcome: 'irreversible' });
  const { step } = await planned(watched);
  expect((await invertOne(step)).findings).toMatchObject([
    { code: 'overwritten', writer: { who: `${later.ref.source}, or somebody else at that time` } },
  ]);
  expect(await textOf('one')).toBe('old one');
});

test('I5: a save in any window of a forced inverse stays, and the step is a conflict that changed nothing', async () => {
  for (const window of ['plan.written', 'put.prepared', 'apply.write', 'aside.moved', 'aside.compared']) {
    const attempt = await badOn('one');
    await writeFile(join(root, 'one'), `saved before ${window}`);
    const { step } = await planned(attempt);
    let met = 0;
    const watching = await openWith(async (point) => {
      if (point === window && ++met === 1) await writeFile(join(root, 'one'), `saved in ${window}`);
    });
    const result = await invertOne({ ...step, step: 10 + window.length }, watching);
    await watching.close();
    expect([window, result.outcome, met, await textOf('one')]).toEqual([window, 'conflicted', 1, `saved in ${window}`]);
  }
  expect((await readdir(root)).filter((name) => name.includes('.recant'))).toEqual([]);
});

test('I6: killed at any point of a forced inverse, the next process ends it: once, with what it overwrote, which can be brought back', async () => {
  for (const point of ['plan.written', 'put.prepared', 'apply.write', 'aside.moved', 'aside.compared', 'put.placed', 'step.written']) {
    const attempt = await badOn('one', 'two');
    const other = join(root, 'other name');
    await writeFile(join(root, 'one'), `saved by a person before ${point}`);
    await link(join(root, 'one'), other);
    const { step } = await planned(attempt);
    const run = `killed at ${point}`;
    await target.close();
    const act = { kind: 'invert', batch: batchOf(step, run) } as const;
    expect([point, await killErrand(parent, { root, point, nth: 1, act })]).toEqual([point, true]);
    target = await openWith();
    const stored = await target.applied(run, [1], '2');
    const [result] = stored.length > 0 ? stored : await target.invert({ ...batchOf(step, run), token: '2' });
    expect([point, result?.outcome, result?.findings.map(({ code }) => code)]).toEqual([point, 'restored', ['overwritten']]);
    expect([await textOf('one'), await textOf('two')]).toEqual(['old one', 'old two']);
    expect(await readFile(other, 'utf8')).toBe(`saved by a person before ${point}`);
    await undo(target, [{ ref: step.attempt, effects: result?.effects ?? [] }]);
    expect([await textOf('one'), await textOf('two')]).toEqual([`saved by a person before ${point}`, 'bad two']);
    await rm(other);
    await writeFile(join(root, 'one'), 'old one');
    await writeFile(join(root, 'two'), 'old two');
  }
}, 120_000);

test('storage that is read-only or full makes a forced step wait for a person, with nothing overwritten', async () => {
  for (const [at, code] of ['EROFS', 'ENOSPC', 'EACCES'].entries()) {
    const attempt = await badOn('one');
    await writeFile(join(root, 'one'), 'saved by a person');
    const { step } = await planned(attempt);
    const failing = await openWith(async (point) => {
      if (point === 'apply.write') throw Object.assign(new Error(`${code}: read-only file system, '${join(root, 'one')}'`), { code });
    });
    expect(await invertOne({ ...step, step: at + 1 }, failing)).toMatchObject({ outcome: 'stuck', findings: [{ code: 'permission' }] });
    await failing.close();
    expect(await textOf('one')).toBe('saved by a person');
    expect((await invertOne({ ...step, step: at + 1 })).outcome).toBe('restored');
  }
});

test('a chain of forced steps under and over the work of others goes back to where it began', async () => {
  const first = await badOn('one');
  await play(system, (handle) => handle.writeFile('one', 'by a helper'));
  const last = await play(system, (handle) => handle.writeFile('one', 'bad again'));
  await writeFile(join(root, 'one'), 'saved by a person');
  const steps = [stepOf(1, last), stepOf(2, first)];
  const answers = await target.rehearse(steps.map((step) => ({ ...step, overwrites: 'any' as const })));
  const forced = steps.map((step, at) => ({ ...step, overwrites: overwritesOf(answers[at] as InverseResult) }));
  expect(forced.map(({ overwrites }) => overwrites.length)).toEqual([1, 1]);
  const results = await target.invert({ run: 'chain', token: '1', steps: forced });
  expect(results.map(({ outcome, findings }) => [outcome, findings.map(({ code }) => code)])).toEqual([
    ['restored', ['overwritten']],
    ['restored', ['overwritten']],
  ]);
  expect(await textOf('one')).toBe('old one');
  await undo(
    target,
    forced.map(({ attempt }, at) => ({ ref: attempt, effects: results[at]?.effects ?? [] })),
  );
  expect(await textOf('one')).toBe('saved by a person');
});
