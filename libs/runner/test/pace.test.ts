import { expect, test } from 'vitest';
import { driveRun, RUNNER_CONFIG, type RunLimits } from '../src/index.ts';
import { type FakeWorld, fakeWorld, type Write } from './fakes.ts';

const A = (row: number) => `postgres://a/t/${row}`;
const write = (attempt: string, resource: string): Write => ({ attempt, resource, before: '0', after: '1' });
const CONFIG = { ...RUNNER_CONFIG, tries: 2, retryMs: 1 };
const START_MS = 1_700_000_000_000;
const drive = async (world: FakeWorld) => driveRun(world.ports, await world.store.claim(), CONFIG);
const ended = (world: FakeWorld) => world.store.record.steps.filter(({ state }) => state === 'ended').length;

/** @param rows of each attempt @returns the world, and after how many milliseconds each call of the target came */
function limited(rows: readonly number[], limits: RunLimits) {
  const calls: number[] = [];
  const world: FakeWorld = fakeWorld(
    rows.flatMap((of, at) => Array.from({ length: of }, (_, row) => write(`w${at}`, A(at * 1_000 + row)))),
    (call, when) => void (call === 'a.invert' && when === 'before' && calls.push(world.ports.clock.now() - START_MS)),
  );
  world.store.record = { ...world.store.record, limits };
  return { world, calls };
}

test('a run with a rate changes no more rows a second; without one, all at once', async () => {
  const { world, calls } = limited([1, 1, 1, 1, 1], { rowsPerSecond: 2 });
  expect(await drive(world)).toBe('finished');
  expect(calls).toEqual([0, 1_000, 2_000]);
  const free = limited([1, 1, 1, 1, 1], {});
  expect(await drive(free.world)).toBe('finished');
  expect(free.calls).toEqual([0]);
});

test('a step is never split: after a large one the worker gives the run back until the rate allows the next', async () => {
  const { world, calls } = limited([1, 40], { rowsPerSecond: 2 });
  expect(await drive(world)).toEqual({ awayMs: 20_000 });
  expect([calls, ended(world), world.store.record.state]).toEqual([[0], 1, 'running']);
  await world.ports.clock.sleep(8_000);
  // So must the next one, for the rest.
  expect(await drive(world)).toEqual({ awayMs: 12_000 });
  await world.ports.clock.sleep(12_000);
  expect(await drive(world)).toBe('finished');
  expect(calls).toEqual([0, 20_000]);
});

test('a worker that takes over from one that died keeps the rate; what the dead one had started is not counted again', async () => {
  const { world, calls } = limited([1, 1, 1, 1, 1, 1], { rowsPerSecond: 2 });
  // Dies right after its first batch took effect.
  const failpoint = (point: string) => {
    if (point === 'inverse.after') throw new Error('killed');
  };
  const dying = async () => driveRun({ ...world.ports, failpoint }, await world.store.claim(), CONFIG);
  await expect(dying()).rejects.toThrow('killed');
  await expect(dying()).rejects.toThrow('killed');
  expect(await drive(world)).toBe('finished');
  expect(calls).toEqual([0, 1_000, 2_000]);
  expect(world.targets.get('a')?.writes.length).toBe(6);
});

test('at its deadline a run starts no further step and pauses; resumed without it, it goes on', async () => {
  const { world, calls } = limited([1, 1, 1, 1], { rowsPerSecond: 1, deadlineAtMs: START_MS + 1_500 });
  expect(await drive(world)).toBe('paused');
  expect([calls, ended(world), world.store.record.state]).toEqual([[0, 1_000], 2, 'paused']);
  expect(
    world.store.record.steps
      .filter(({ state }) => state !== 'ended')
      .every(({ state, inverse }) => state === 'pending' && inverse === undefined),
  ).toBe(true);
  expect(await drive(world)).toBe('paused');
  world.store.record = { ...world.store.record, state: 'queued', limits: {} };
  expect(await drive(world)).toBe('finished');
  expect(ended(world)).toBe(4);
});

test('a deadline that passed before the start lets nothing start, and one that passes after the last step changes nothing', async () => {
  const late = limited([1], { deadlineAtMs: START_MS });
  expect(await drive(late.world)).toBe('paused');
  expect([late.calls, ended(late.world)]).toEqual([[], 0]);
  const done = limited([1], { deadlineAtMs: START_MS + 1 });
  expect(await drive(done.world)).toBe('finished');
});

test('a person who pauses or cancels a slow run does not wait for its rate', async () => {
  const { world } = limited([1, 1, 4], { rowsPerSecond: 1 });
  let sleeps = 0;
  const clock = {
    ...world.ports.clock,
    sleep: async (ms: number) => {
      await world.ports.clock.sleep(ms);
      if (++sleeps === 2) world.store.record = { ...world.store.record, state: 'cancelling' };
    },
  };
  expect(await driveRun({ ...world.ports, clock }, await world.store.claim(), CONFIG)).toBe('cancelled');
  expect(sleeps).toBe(2);
  expect(world.store.record.steps.map(({ outcome }) => outcome).sort()).toEqual(['restored', 'skipped', 'skipped']);
});

test('a run that waits for a system that is away pauses at its deadline', async () => {
  for (const mode of ['skip', 'refuse'] as const) {
    const world = fakeWorld([write('w', A(1))], () => undefined, mode);
    world.store.record = { ...world.store.record, limits: { deadlineAtMs: START_MS + 10_000 } };
    const target = world.targets.get('a');
    if (target) target.away = true;
    let driven = await drive(world);
    for (let tries = 0; typeof driven === 'object' && tries < 20; tries++) {
      await world.ports.clock.sleep(driven.awayMs);
      driven = await drive(world);
    }
    expect([driven, world.store.record.state, target?.writes], mode).toEqual(['paused', 'paused', []]);
    expect(world.ports.clock.now() - START_MS, mode).toBeLessThan(11_000);
  }
});
