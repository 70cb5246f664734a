import { afterAll, beforeAll, expect, test } from 'vitest';
import { crashEverywhere } from './crashes.ts';
import { CALLS, RUNNER_POINTS } from './places.ts';
import { CELLS, cellOf, type Run, runOf } from './plan.ts';
import { play } from './play.ts';
import { openWorld, type World } from './world.ts';

/** A sample of `npm run test:kills`, in one world. */
const BASE = { systems: 'both', steps: 8, batchSteps: 3, seed: 5 } as const;
const SAMPLE: readonly Run[] = [
  { ...BASE, n: 1, mode: 'skip', replicas: 3, strikes: [{ place: 'files.aside.moved', fault: 'kill', nth: 1, afterMs: 0 }] },
  { ...BASE, n: 2, mode: 'force', replicas: 1, strikes: [{ place: 'invert.after', fault: 'hang', nth: 1, afterMs: 0 }] },
];

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 120_000);
afterAll(() => world?.[Symbol.asyncDispose]());

test('I6: a run on rows and files that crashes at every call and failpoint ends as if it had not, and no inverse takes effect twice', {
  timeout: 120_000,
}, async () => {
  const { problems, places } = await crashEverywhere(world, { seed: 3, steps: 8, systems: 'both', mode: 'skip', batchSteps: 6 });
  expect(problems).toEqual([]);
  expect([...places.keys()]).toEqual(expect.arrayContaining([...RUNNER_POINTS, ...CALLS]));
});

test.each(SAMPLE)(
  'I6: struck by $strikes.0.fault at $strikes.0.place with $replicas replicas, a run in mode $mode ends the same',
  {
    timeout: 180_000,
  },
  async (run) => {
    expect(await play(world, run)).toMatchObject({ problems: [] });
  },
);

test('a seed plans every cell once a round, and the same runs each time', () => {
  const runs = CELLS.map((_, n) => runOf(7, n));
  expect(
    new Set(runs.map(({ strikes, systems, replicas }) => `${JSON.stringify(strikes[0])} ${systems} ${replicas}`)).size,
  ).toBeGreaterThan(CELLS.length / 2);
  expect(runs).toEqual(CELLS.map((_, n) => runOf(7, n)));
  expect(runs.every((run) => cellOf(run).includes(' × '))).toBe(true);
});
