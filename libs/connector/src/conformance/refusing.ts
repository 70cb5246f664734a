import { expect, test } from 'vitest';
import { ConnectorError } from '../error.ts';
import type { FindingCode, InverseBatch, InverseResult } from '../target.ts';
import { batchOf, invertOne, play } from './play.ts';
import type { Setting } from './setting.ts';
import type { ConformanceWorld } from './subject.ts';

/** Properties of `invert` with conflicting changes: nothing is written, and the finding names the part. */
export function conflictProperties(setting: Setting): void {
  test('an outside change of a part is a conflict that names the part', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    await world.outside([{ kind: 'change', item: 'a', value: '8' }]);
    await expectRefused(world, batchOf(names, names.run(), [bad]), ['drift', 'later_write'], world.resourceOf('a'));
  });

  test('an outside removal of an item is a conflict', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    await world.outside([{ kind: 'remove', item: 'a' }]);
    await expectRefused(world, batchOf(names, names.run(), [bad]), ['drift', 'later_write'], world.resourceOf('a'));
  });

  test('an item created again after its removal is a conflict', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'remove', item: 'a' }]);
    await world.outside([{ kind: 'create', item: 'a', value: '8' }]);
    await expectRefused(world, batchOf(names, names.run(), [bad]), ['drift', 'later_write', 'constraint'], world.resourceOf('a'));
  });

  test('a later write of an equal value by another agent is a conflict', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    await play(world, names.attempt('good'), [{ kind: 'touch', item: 'a' }]);
    await expectRefused(world, batchOf(names, names.run(), [bad]), ['later_write'], world.resourceOf('a'));
  });

  test('later writes that end in the same state are a conflict', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    await play(world, names.attempt('good'), [
      { kind: 'change', item: 'a', value: '8' },
      { kind: 'change', item: 'a', value: '7' },
    ]);
    await expectRefused(world, batchOf(names, names.run(), [bad]), ['later_write'], world.resourceOf('a'));
  });
}

/** Properties of steps, claims and unreadable parts. */
export function stepProperties(setting: Setting): void {
  test('a step is undone completely or not at all, and does not affect other steps', async () => {
    const { world, names } = setting.now();
    const stuck = await play(world, names.attempt('bad'), [
      { kind: 'change', item: 'a', value: '7' },
      { kind: 'change', item: 'b', value: '7' },
      { kind: 'create', item: 'e', value: '7' },
    ]);
    await world.outside([{ kind: 'change', item: 'b', value: '8' }]);
    const before = await world.snapshot();
    const first = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'c', value: '7' }]);
    const last = await play(world, names.attempt('bad'), [{ kind: 'create', item: 'd', value: '7' }]);
    const results = await world.target.invert(batchOf(names, names.run(), [last, stuck, first]));
    expect(results.map(({ step, outcome }) => [step, outcome])).toEqual([
      [1, 'restored'],
      [2, 'conflicted'],
      [3, 'restored'],
    ]);
    expect(results[1]?.findings.map(({ resource }) => resource)).toContain(world.resourceOf('b'));
    expect(results[1]?.effects).toEqual([]);
    expect(await world.snapshot()).toEqual(before);
  });

  test('asking for applied results takes the fence: an older claim takes no effect after the answer', async () => {
    const { world, names } = setting.now();
    const run = names.run();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    const batch = batchOf(names, run, [bad], { token: '9' });
    expect(await world.target.applied(run, [1], '10')).toEqual([]);
    await expectRefused(world, batch, ['fenced'], undefined);
    expect((await invertOne(world.target, { ...batch, token: '10' })).outcome).toBe('restored');
  });

  test('a lower fencing token than one already seen is refused', async () => {
    const { world, names } = setting.now();
    const run = names.run();
    const one = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    const two = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'b', value: '7' }]);
    expect((await invertOne(world.target, batchOf(names, run, [one], { token: '10' }))).outcome).toBe('restored');
    const late = batchOf(names, run, [two], { token: '9', firstStep: 2 });
    await expectRefused(world, late, ['fenced'], undefined, await world.reopen());
    expect((await invertOne(world.target, { ...late, token: '11' })).outcome).toBe('restored');
  });

  test('parts that cannot be read are unreadable, never absent, and are not changed', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [
      { kind: 'remove', item: 'a' },
      { kind: 'change', item: 'b', value: '7' },
    ]);
    const before = await world.snapshot();
    const unblind = await world.blind();
    try {
      for (const item of ['a', 'b']) {
        const [probed] = await unlessUnreachable(world.target.probe([{ resource: world.resourceOf(item), part: 'exists' }]));
        if (probed !== undefined) expect(probed.kind).toBe('unreadable');
      }
      const [result] = await unlessUnreachable(world.target.invert(batchOf(names, names.run(), [bad])));
      if (result !== undefined) {
        expect(['conflicted', 'failed', 'undecided']).toContain(result.outcome);
        expect(result.findings.length).toBeGreaterThan(0);
      }
    } finally {
      await unblind();
    }
    expect(await world.snapshot()).toEqual(before);
    expect((await invertOne(world.target, batchOf(names, names.run(), [bad]))).outcome).toBe('restored');
  });
}

/** Properties of `probe` and `invert` with forged effects (I13). */
export function forgeryProperties(setting: Setting): void {
  test('a resource outside the registration is never probed, read or written', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [
      { kind: 'change', item: 'a', value: '7' },
      { kind: 'create', item: 'd', value: '7' },
    ]);
    const own = world.resourceOf('a');
    const foreign = [
      own.replace(/:\/\/[^/]+/, '://elsewhere'),
      own.replace(/^[a-z]+:/, 'https:'),
      'nonsense',
      '',
      `${own}\u0000`,
      ...world.hostileResources,
    ];
    for (const resource of foreign) {
      const smuggled = { ...bad, effects: bad.effects.map((effect, at) => (at === 0 ? { ...effect, resource } : effect)) };
      await expectRefused(world, batchOf(names, names.run(), [smuggled]), ['not_registered'], undefined);
      const [probed] = await world.target.probe([{ resource, part: 'exists' }]);
      expect(probed).toMatchObject({ resource, kind: 'unreadable' });
    }
  });

  test('a compensation with another connector, an unknown image or a foreign image writes nothing', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    const other = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'b', value: '7' }]);
    const before = await world.snapshot();
    const imagesOfOther = other.effects.flatMap((effect) => effect.compensation?.images ?? []);
    for (const compensation of [
      { connector: 'elsewhere', images: [] },
      { connector: world.target.connector, images: ['../../etc/passwd', "'; DROP TABLE x; --"] },
      { connector: world.target.connector, images: imagesOfOther },
    ]) {
      const forged = { ...bad, effects: bad.effects.map((effect) => ({ ...effect, compensation })) };
      const result = await invertOne(world.target, batchOf(names, names.run(), [forged]));
      expect(['conflicted', 'failed', 'expired', 'irreversible']).toContain(result.outcome);
      expect(await world.snapshot()).toEqual(before);
    }
  });

  test('forged versions are a conflict', async () => {
    const { world, names } = setting.now();
    const bad = await play(world, names.attempt('bad'), [{ kind: 'change', item: 'a', value: '7' }]);
    const invent = (version: string | null) => (version === null ? null : `v1.${'A'.repeat(22)}`);
    const forged = bad.effects.map((effect) => ({
      ...effect,
      parts: Object.fromEntries(Object.entries(effect.parts).map(([part, { before, after }]) => [part, { before: invent(before), after }])),
    }));
    const before = await world.snapshot();
    const result = await invertOne(world.target, batchOf(names, names.run(), [{ ...bad, effects: forged }]));
    expect(result.outcome).not.toBe('restored');
    expect(result.effects).toEqual([]);
    expect(await world.snapshot()).toEqual(before);
  });
}

/** Expects one of these findings, on `resource` if given, and no change. */
async function expectRefused(
  world: ConformanceWorld,
  batch: InverseBatch,
  codes: readonly FindingCode[],
  resource: string | undefined,
  target = world.target,
): Promise<void> {
  const before = await world.snapshot();
  const result: InverseResult = await invertOne(target, batch);
  expect(['conflicted', 'failed']).toContain(result.outcome);
  expect(result.effects).toEqual([]);
  const found = result.findings.filter((finding) => resource === undefined || finding.resource === resource).map(({ code }) => code);
  expect(
    found.some((code) => codes.includes(code)),
    `${codes.join(' or ')} in ${JSON.stringify(result.findings)}`,
  ).toBe(true);
  expect(await world.snapshot()).toEqual(before);
  expect(
    await target.applied(
      batch.run,
      batch.steps.map(({ step }) => step),
      batch.token,
    ),
  ).toEqual([]);
}

/** A target may also throw `unreachable` or `not_prepared`; that counts as no results. */
async function unlessUnreachable<T>(asked: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ConnectorError && (error.code === 'unreachable' || error.code === 'not_prepared')) return [];
    throw error;
  }
}
