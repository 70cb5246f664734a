import { expect, test } from 'vitest';
import { batchOf, effectsOf, invertOne, type PlayedAttempt, plain, play } from './play.ts';
import type { Setting } from './setting.ts';
import type { ConformanceWorld, WorldOp } from './subject.ts';

const MISCHIEF: readonly WorldOp[] = [
  { kind: 'change', item: 'a', value: '7' },
  { kind: 'remove', item: 'b' },
  { kind: 'create', item: 'd', value: '8' },
  { kind: 'change', item: 'd', value: '9' },
];

/** Properties of `invert` and `applied` without conflicts. */
export function invertingProperties(setting: Setting): void {
  test('undoing an attempt restores the system exactly, also from a newly started service', async () => {
    const { world, names } = setting.now();
    const before = await world.snapshot();
    const bad = await play(world, names.attempt('bad'), MISCHIEF);
    const target = await world.reopen();
    const result = await invertOne(target, batchOf(names, names.run(), [bad]));
    expect(result).toMatchObject({ step: 1, outcome: 'restored', findings: [] });
    expect(await world.snapshot()).toEqual(before);
    await expectAtBefore(world, bad);
  });

  test('images are durable before the tool runs, even if the attempt is never released or settled', async () => {
    const { world, names } = setting.now();
    const before = await world.snapshot();
    const ref = names.attempt('bad');
    const capture = await world.capturing.capture(ref, [world.resourceOf('a'), world.resourceOf('b')]);
    await world.perform(capture.handle, MISCHIEF);
    const effects = await effectsOf(world, ref, capture);
    const target = await world.reopen();
    const result = await invertOne(target, batchOf(names, names.run(), [{ ref, before: capture.before, effects }]));
    expect(result.outcome).toBe('restored');
    expect(await world.snapshot()).toEqual(before);
    await capture.release();
  });

  test('undoing several attempts on the same items in one batch, last to first, restores exactly', async () => {
    const { world, names } = setting.now();
    const before = await world.snapshot();
    const first = await play(world, names.attempt('bad'), MISCHIEF);
    const second = await play(world, names.attempt('bad'), [
      { kind: 'change', item: 'a', value: '77' },
      { kind: 'create', item: 'b', value: '22' },
      { kind: 'remove', item: 'd' },
    ]);
    const results = await world.target.invert(batchOf(names, names.run(), [second, first]));
    expect(results.map(({ step, outcome }) => [step, outcome])).toEqual([
      [1, 'restored'],
      [2, 'restored'],
    ]);
    expect(await world.snapshot()).toEqual(before);
  });
}

/** Properties of repeated calls, and of inverses without a change. */
export function repeatingProperties(setting: Setting): void {
  test('the same run and step take effect once: a repetition returns the stored result and writes nothing', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    const batch = batchOf(names, names.run(), [bad]);
    const first = await invertOne(world.target, batch);
    await world.outside([{ kind: 'change', item: 'a', value: '7' }]);
    const again = await world.snapshot();
    expect(plain(await invertOne(await world.reopen(), batch))).toEqual(plain(first));
    expect(await world.snapshot()).toEqual(again);
  });

  test('applied returns exactly the steps that took effect', async () => {
    const { world, names } = setting.now();
    const run = names.run();
    const one = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    const two = await play(world, names.attempt('bad'), [{ kind: 'remove', item: 'b' }]);
    const results = await world.target.invert(batchOf(names, run, [two, one]));
    const target = await world.reopen();
    expect((await target.applied(run, [1, 2, 3], '1')).map(plain)).toEqual(results.map(plain));
    expect(await target.applied(run, [], '1')).toEqual([]);
    expect(await target.applied(names.run(), [1, 2], '1')).toEqual([]);
  });

  test('an attempt whose parts are all at their before versions again is already undone', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    await world.outside([{ kind: 'change', item: 'a', value: '1' }]);
    const before = await world.snapshot();
    const result = await invertOne(world.target, batchOf(names, names.run(), [bad]));
    expect(result).toMatchObject({ outcome: 'already_undone', effects: [] });
    expect(await world.snapshot()).toEqual(before);
  });

  test('an attempt whose effects cancel out is undone by writing nothing', async () => {
    const { world, names } = setting.now();
    const before = await world.snapshot();
    const calm = await play(world, names.attempt('one'), [
      { kind: 'change', item: 'a', value: '7' },
      { kind: 'change', item: 'a', value: '1' },
      { kind: 'create', item: 'd', value: '4' },
      { kind: 'remove', item: 'd' },
      { kind: 'touch', item: 'b' },
    ]);
    const result = await invertOne(world.target, batchOf(names, names.run(), [calm]));
    expect(['restored', 'already_undone']).toContain(result.outcome);
    expect(await world.snapshot()).toEqual(before);
  });

  test('a rollback can be rolled back, repeatedly', async () => {
    const { world, names } = setting.now();
    const before = await world.snapshot();
    let last = await play(world, names.attempt('bad'), MISCHIEF);
    const after = await world.snapshot();
    for (const expected of [before, after, before]) {
      const batch = batchOf(names, names.run(), [last]);
      const result = await invertOne(world.target, batch);
      expect(result.outcome).toBe('restored');
      expect(await world.snapshot()).toEqual(expected);
      const [step] = batch.steps;
      if (step === undefined) throw new Error('expected a batch of one step');
      last = { ref: step.attempt, before: {}, effects: result.effects };
    }
  });
}

/** Properties of `rehearse`: the answers of `invert`, and nothing stays. */
export function rehearsingProperties(setting: Setting): void {
  test('a rehearsal answers what the inverse would, in its order, and leaves nothing behind', async () => {
    const { world, names } = setting.now();
    const first = await play(world, names.attempt('bad'), MISCHIEF);
    const second = await play(world, names.attempt('bad'), [
      { kind: 'change', item: 'a', value: '77' },
      { kind: 'create', item: 'b', value: '22' },
      { kind: 'remove', item: 'd' },
    ]);
    const conflicting = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'c', value: '5' }]);
    await world.outside([{ kind: 'change', item: 'c', value: '6' }]);
    const before = await world.snapshot();
    const batch = batchOf(names, names.run(), [conflicting, second, first]);
    const rehearsed = await world.target.rehearse(batch.steps);
    expect(await world.snapshot()).toEqual(before);
    expect(await world.target.applied(batch.run, [1, 2, 3], batch.token)).toEqual([]);
    const results = await world.target.invert(batch);
    const essence = (all: typeof results) =>
      all.map(({ step, outcome, findings }) => ({ step, outcome, codes: findings.map(({ code }) => code) }));
    expect(essence(rehearsed)).toEqual(essence(results));
    expect(results.map(({ outcome }) => outcome)).toEqual(['conflicted', 'restored', 'restored']);
    expect(rehearsed.every(({ effects }) => effects.length === 0)).toBe(true);
  });
}

async function expectAtBefore(world: ConformanceWorld, attempt: PlayedAttempt): Promise<void> {
  const first = new Map<string, { resource: string; part: string; version: string | null }>();
  for (const { resource, parts } of attempt.effects) {
    for (const [part, { before }] of Object.entries(parts)) {
      if (!first.has(`${resource} ${part}`)) first.set(`${resource} ${part}`, { resource, part, version: before });
    }
  }
  const probed = await world.target.probe([...first.values()]);
  expect(probed).toEqual([...first.values()].map((part) => ({ kind: 'version', ...part })));
}
