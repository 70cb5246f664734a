import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InverseBatch } from '@recant/connector';
import type { Effect } from '@recant/events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesystemConnector, filesystemSystem } from '../src/index.ts';
import type { Errand } from './killed.ts';
import { killErrand } from './killing.ts';
import { mischief } from './mischief.ts';
import { outcomesOf, type Played, play, refOf, stepOf, undo } from './play.ts';
import { makeRoot, snapshotOf } from './world.ts';

const DECLARED = ['filesystem://notes/declared'];
const TIMEOUT_MS = 120_000;
let root: string;
let parent: string;
let remove: () => Promise<void>;

beforeEach(async () => {
  ({ root, parent, remove } = await makeRoot());
  for (const folder of ['a/deep/er', 'b', 'c/c']) await mkdir(join(root, folder), { recursive: true });
  for (const file of ['a/one', 'a/deep/two', 'a/deep/er/three', 'c/four', 'c/c/five', 'declared'])
    await writeFile(join(root, file), `content of ${file}`);
  await symlink('four', join(root, 'c/link'));
});
afterEach(() => remove());

const open = () => filesystemConnector.open({ name: 'notes', connector: 'filesystem', options: { root } });

const killedAt = (point: string, nth: number, act: Errand['act']): Promise<boolean> => killErrand(parent, { root, point, nth, act });

/** The effects of an attempt as the next process finds them. */
async function settledLater(played: Pick<Played, 'ref'>): Promise<Played> {
  const system = filesystemSystem({ name: 'notes', root });
  const capture = await system.capture(played.ref, []);
  const effects: Effect[] = [];
  for await (const effect of capture.settle()) effects.push(effect);
  await system.close();
  return { ref: played.ref, effects };
}

async function expectNothingLeftOver(): Promise<void> {
  const names = await readdir(root, { recursive: true });
  expect(names.filter((name) => name.includes('.recant'))).toEqual([]);
  expect(await readdir(join(parent, '.recant-images-notes/scratch'))).toEqual([]);
}

describe('kill -9 of a tool: its effects are recorded and can be undone to the last byte', () => {
  const POINTS: Record<string, number> = {
    'do.written': 6,
    'put.prepared': 2,
    'put.placed': 2,
    'work.done': 6,
    'did.written': 6,
    'remove.one': 5,
    'settled.before': 1,
  };
  for (const [point, times] of Object.entries(POINTS)) {
    test(`at ${point}, each time`, { timeout: TIMEOUT_MS }, async () => {
      const before = await snapshotOf(root);
      for (let nth = 1; nth <= times; nth += 1) {
        const ref = refOf();
        expect(await killedAt(point, nth, { kind: 'attempt', ref, declared: DECLARED })).toBe(true);
        const attempt = await settledLater({ ref });
        await expectNothingLeftOver();
        const ordinals = attempt.effects.map(({ ordinal }) => BigInt(ordinal));
        expect(ordinals).toEqual([...new Set(ordinals)].sort((one, other) => Number(one - other)));
        const target = await open();
        expect(['restored', 'already_undone']).toContain(outcomesOf((await undo(target, [attempt])).results)[0]);
        await target.close();
        expect(await snapshotOf(root)).toEqual(before);
      }
    });
  }
});

describe('I6: kill -9 of an inverse: the same result as without, and applied once', () => {
  const POINTS: Record<string, number> = {
    'plan.written': 1,
    'apply.remove': 7,
    'apply.create': 9,
    'apply.write': 2,
    'aside.moved': 5,
    'aside.compared': 5,
    'put.prepared': 6,
    'put.placed': 6,
    'step.written': 1,
  };

  async function misdeed(): Promise<{ batch: InverseBatch; attempt: Played }> {
    const system = filesystemSystem({ name: 'notes', root });
    const attempt = await play(system, (handle) => mischief(handle, root), { declared: DECLARED });
    await system.close();
    return { attempt, batch: { run: randomUUID(), token: '1', steps: [stepOf(1, attempt)] } };
  }

  for (const [point, times] of Object.entries(POINTS)) {
    test(`at ${point}, each time`, { timeout: TIMEOUT_MS }, async () => {
      const before = await snapshotOf(root);
      for (let nth = 1; nth <= times; nth += 1) {
        const { batch } = await misdeed();
        expect(await killedAt(point, nth, { kind: 'invert', batch })).toBe(true);
        const target = await open();
        const evidence = await target.applied(batch.run, [1], batch.token);
        await expectNothingLeftOver();
        expect(outcomesOf(evidence)).toEqual(['restored']);
        expect(await snapshotOf(root)).toEqual(before);
        await writeFile(join(root, 'a/one'), 'rewritten');
        expect(await target.invert({ ...batch, token: '2' })).toEqual(evidence);
        expect((await snapshotOf(root))['a/one']).not.toEqual(before['a/one']);
        await writeFile(join(root, 'a/one'), 'content of a/one');
        const ordinals = evidence.flatMap(({ effects }) => effects.map(({ resource }) => resource));
        expect(ordinals).toHaveLength(new Set(ordinals).size);
        await target.close();
      }
      const { batch } = await misdeed();
      expect(await killedAt(point, times + 1, { kind: 'invert', batch })).toBe(false);
    });
  }

  test('a folder that was moved before the next process starts: the inverse is taken back in it', { timeout: TIMEOUT_MS }, async () => {
    for (const point of ['aside.moved', 'aside.compared', 'put.placed']) {
      const system = filesystemSystem({ name: 'notes', root });
      const attempt = await play(system, async (handle) => {
        for (const file of ['a/one', 'a/deep/two']) await handle.writeFile(file, 'bad');
      });
      await system.close();
      const before = await snapshotOf(join(root, 'a'));
      const batch = { run: randomUUID(), token: '1', steps: [stepOf(1, attempt)] };
      expect(await killedAt(point, 2, { kind: 'invert', batch })).toBe(true);
      await rename(join(root, 'a'), join(root, 'b/moved'));
      const target = await open();
      expect(await target.applied(batch.run, [1], batch.token)).toEqual([]);
      expect([point, await snapshotOf(join(root, 'b/moved'))]).toEqual([point, before]);
      await expectNothingLeftOver();
      await rename(join(root, 'b/moved'), join(root, 'a'));
      expect(outcomesOf(await target.invert({ ...batch, token: '2' }))).toEqual(['restored']);
      await target.close();
    }
  });

  test('a foreign write before the next process starts: the inverse is reverted completely and the write stays', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { batch, attempt } = await misdeed();
    const after = await snapshotOf(root);
    expect(await killedAt('apply.create', 4, { kind: 'invert', batch })).toBe(true);
    await writeFile(join(root, 'a/one'), 'by somebody');
    const target = await open();
    expect(await target.applied(batch.run, [1], batch.token)).toEqual([]);
    await expectNothingLeftOver();
    const { 'a/one': one, ...others } = await snapshotOf(root);
    const { 'a/one': _rewritten, ...othersAfter } = after;
    expect(others).toEqual(othersAfter);
    expect(one).toContain(Buffer.from('by somebody').toString('base64'));
    const results = await target.invert({ ...batch, token: '2' });
    expect(results).toMatchObject([{ outcome: 'conflicted', effects: [] }]);
    expect(results[0]?.findings.map(({ code }) => code)).toEqual(['drift']);
    expect(attempt.effects.length).toBeGreaterThan(0);
    await target.close();
  });
});

test('the lock of a dead owner is superseded, and there is one owner at a time', { timeout: TIMEOUT_MS }, async () => {
  const systems = Array.from({ length: 4 }, () => filesystemSystem({ name: 'notes', root }));
  expect(await killedAt('do.written', 1, { kind: 'attempt', ref: refOf(), declared: [] })).toBe(true);
  const attempts = await Promise.all(
    systems.map((system) =>
      play(system, async (handle) => {
        for (let at = 0; at < 10; at += 1) await handle.append('counted', 'x');
      }),
    ),
  );
  const ordinals = attempts.flatMap(({ effects }) => effects.map(({ ordinal }) => ordinal));
  expect(new Set(ordinals).size).toBe(40);
  expect((await snapshotOf(root)).counted).toContain(Buffer.from('x'.repeat(40)).toString('base64'));
  await Promise.all(systems.map((system) => system.close()));
});

test('concurrent writers, one of them killed, lose no effect and repeat no ordinal', { timeout: TIMEOUT_MS }, async () => {
  const start = (action: string, times: number) =>
    spawn(process.execPath, [join(import.meta.dirname, 'counting.ts'), root, action, String(times)], { stdio: 'inherit' });
  const killed = start('killed', 10_000);
  const others = ['one', 'two'].map((action) => start(action, 25));
  const exits = others.map((child) => once(child, 'exit'));
  expect(await Promise.all(exits)).toEqual([
    [0, null],
    [0, null],
  ]);
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  const attempts = await Promise.all(
    ['killed', 'one', 'two'].map((action) => settledLater({ ref: { source: 'recant://counting/1', action, attempt: 1 } })),
  );
  await expectNothingLeftOver();
  const ordinals = attempts.flatMap(({ effects }) => effects.map(({ ordinal }) => ordinal));
  expect(new Set(ordinals).size).toBe(ordinals.length);
  expect(attempts.slice(1).map(({ effects }) => effects.length)).toEqual([25, 25]);
  expect((await snapshotOf(root)).counted).toBe(`file 644 ${Buffer.from('x'.repeat(ordinals.length)).toString('base64')}`);
});
