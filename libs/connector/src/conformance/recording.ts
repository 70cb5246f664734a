import type { Effect } from '@recant/events';
import { expect, test } from 'vitest';
import type { Probed } from '../target.ts';
import { effectsOf, type PlayedAttempt, play } from './play.ts';
import type { Setting } from './setting.ts';

/** Properties of `capture`, `settle` and `probe`. */
export function recordingProperties(setting: Setting): void {
  test('the before versions of capture equal the probed versions', async () => {
    const { world, names } = setting.now();
    const resource = world.resourceOf('a');
    const capture = await world.capturing.capture(names.attempt('one'), [resource]);
    const stated = Object.entries(capture.before[resource] ?? {});
    const probed = await world.target.probe(stated.map(([part]) => ({ resource, part })));
    await capture.release();
    expect(probed.map(versionOf)).toEqual(stated.map(([, version]) => version));
  });

  test('an attempt without operations has no written part', async () => {
    const { world, names } = setting.now();
    const { effects } = await play(world, names.attempt('one'), []);
    expect(effects.filter((effect) => Object.keys(effect.parts).length > 0)).toEqual([]);
  });

  test('ordinals ascend strictly per resource, within and across attempts', async () => {
    const attempts = await playHistory(setting);
    const last = new Map<string, bigint>();
    for (const { resource, ordinal } of attempts.flatMap((attempt) => attempt.effects)) {
      expect(ordinal).toMatch(/^\d+$/);
      expect(BigInt(ordinal)).toBeGreaterThan(last.get(resource) ?? -1n);
      last.set(resource, BigInt(ordinal));
    }
  });

  test('versions chain: each before equals the previous after, and the last after equals the probed version', async () => {
    const attempts = await playHistory(setting);
    const live = new Map<string, { resource: string; part: string; version: string | null }>();
    for (const { resource, parts } of attempts.flatMap((attempt) => attempt.effects)) {
      for (const [part, { before, after }] of Object.entries(parts)) {
        const seen = live.get(`${resource} ${part}`);
        if (seen !== undefined) expect(before).toBe(seen.version);
        live.set(`${resource} ${part}`, { resource, part, version: after });
      }
    }
    const probed = await setting.now().world.target.probe([...live.values()]);
    expect(probed.map(versionOf)).toEqual([...live.values()].map(({ version }) => version));
  });

  test('writing the current value again is an effect with equal versions', async () => {
    const { world, names } = setting.now();
    const { effects } = await play(world, names.attempt('one'), [{ kind: 'touch', item: 'a' }]);
    const written = effects.filter((effect) => effect.resource === world.resourceOf('a')).flatMap((effect) => Object.values(effect.parts));
    expect(written.length).toBeGreaterThan(0);
    for (const { before, after } of written) expect(after).toBe(before);
  });

  test('equal states have equal versions, absent is null, and no version is the plain value', async () => {
    const { world, names } = setting.now();
    const away = await play(world, names.attempt('one'), [{ kind: 'remove', item: 'a' }]);
    const back = await play(world, names.attempt('one'), [{ kind: 'create', item: 'a', value: '1' }]);
    expect(partsOf(back, world.resourceOf('a'), 'after')).toEqual(partsOf(away, world.resourceOf('a'), 'before'));
    expect(Object.values(partsOf(away, world.resourceOf('a'), 'after'))).not.toContainEqual(expect.any(String));
    expect(partsOf(away, world.resourceOf('a'), 'after')).toHaveProperty('exists', null);
  });

  test('settling again returns the same effects', async () => {
    const { world, names } = setting.now();
    const ref = names.attempt('one');
    const capture = await world.capturing.capture(ref, []);
    await world.perform(capture.handle, [{ kind: 'change', item: 'a', value: '9' }]);
    const first = await effectsOf(world, ref, capture);
    expect(first.length).toBeGreaterThan(0);
    expect(await effectsOf(world, ref, capture)).toEqual(first);
    await capture.release();
    await capture.release();
  });
}

/** Three agents overwrite each other's values, without outside writes. */
async function playHistory(setting: Setting): Promise<PlayedAttempt[]> {
  const { world, names } = setting.now();
  return [
    await play(world, names.attempt('one'), [
      { kind: 'change', item: 'a', value: '2' },
      { kind: 'create', item: 'd', value: '4' },
    ]),
    await play(world, names.attempt('two'), [
      { kind: 'change', item: 'a', value: '3' },
      { kind: 'touch', item: 'a' },
      { kind: 'remove', item: 'b' },
    ]),
    await play(world, names.attempt('three'), [
      { kind: 'create', item: 'b', value: '5' },
      { kind: 'remove', item: 'd' },
    ]),
  ];
}

const versionOf = (probed: Probed): unknown => (probed.kind === 'version' ? probed.version : probed);

function partsOf(attempt: PlayedAttempt, resource: string, end: 'before' | 'after'): Record<string, string | null> {
  const effects: readonly Effect[] = attempt.effects.filter((effect) => effect.resource === resource);
  return Object.fromEntries(effects.flatMap((effect) => Object.entries(effect.parts).map(([part, versions]) => [part, versions[end]])));
}
