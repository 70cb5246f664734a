import { expect, test } from 'vitest';
import { driveRun, RUNNER_CONFIG } from '../src/index.ts';
import { type FakeWorld, fakeWorld, type Write } from './fakes.ts';

const A = (row: number) => `postgres://a/t/${row}`;
const write = (attempt: string, resource: string, before: string, after: string): Write => ({ attempt, resource, before, after });
const CONFIG = { ...RUNNER_CONFIG, tries: 2, retryMs: 1 };
const drive = async (world: FakeWorld) => driveRun(world.ports, await world.store.claim(), CONFIG);
const outcomes = (world: FakeWorld) => world.store.record.steps.map(({ outcome }) => outcome);

test('I8: a step that is changed in the store while its run goes on is not run', async () => {
  const world = fakeWorld([write('p', A(1), '0', '1'), write('q', A(2), '0', '1')]);
  const steps = world.store.steps.bind(world.store);
  world.store.steps = async (...asked) => {
    world.store.plan = { ...world.body, steps: world.body.steps.map((step) => (step.step === 2 ? { ...step, stays: [A(2)] } : step)) };
    return steps(...asked);
  };
  await expect(drive(world)).rejects.toMatchObject({ code: 'plan_changed' });
  expect([world.targets.get('a')?.writes, outcomes(world)]).toEqual([[], [undefined, undefined]]);
  expect(await drive(world)).toBe('alarmed');
});

test('of the steps, a worker reads those of its batch, and each once', async () => {
  const world = fakeWorld(Array.from({ length: 7 }, (_, at) => write(`w${at}`, A(at), '0', '1')));
  const steps = world.store.steps.bind(world.store);
  const read: number[][] = [];
  world.store.steps = async (tenant, plan, numbers) => {
    read.push([...numbers]);
    return steps(tenant, plan, numbers);
  };
  expect(await driveRun(world.ports, await world.store.claim(), { ...CONFIG, batchSteps: 3 })).toBe('finished');
  expect(read).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
});
