import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const when = (id: string, state: string) =>
  waitUntil(async () => {
    const run = await stage.operator.run(id);
    return run.state === state ? run : undefined;
  });

async function planned(name: string, ids: readonly number[]) {
  const agent = await stage.agent(name);
  for (const id of ids) await agent.sql('reprice', `UPDATE orders SET price = 7 WHERE id = ${id}`);
  return stage.operator.createPlan({ selection: { agents: [name] }, mode: 'skip' });
}

const repriced = async (): Promise<number> =>
  Number((await stage.shop.owner.query('SELECT count(*) FROM orders WHERE price = 7')).rows[0].count);

test('a run pauses at its deadline by itself, says so and what to do, has nothing half applied, and goes on once it is resumed', async () => {
  const plan = await planned('slow', [1, 2, 3, 4, 5, 6]);
  const started = await stage.operator.createRun(plan.id, plan.digest, { deadline: '1s', rowsPerSecond: 3 });
  expect(started.limits).toMatchObject({ rowsPerSecond: 3, deadline: expect.any(String) });
  const paused = await when(started.id, 'paused');
  const deadline = started.limits?.deadline as string;
  expect(paused.waits).toEqual([
    { for: 'person', code: 'deadline_passed', detail: expect.stringContaining(`at its deadline, ${deadline}: resume it`) },
  ]);
  expect((await stage.operator.runs()).items[0]).toMatchObject({ limits: started.limits, waits: paused.waits });
  const { ended = 0, pending = 0, ...others } = paused.states;
  expect([ended + pending, others]).toEqual([6, {}]);
  expect(pending).toBeGreaterThan(0);
  expect([paused.account.outcomes.restored ?? 0, await repriced()]).toEqual([ended, pending]);

  const resumed = await stage.operator.resumeRun(started.id);
  expect(resumed.limits).toEqual({ rowsPerSecond: 3 });
  expect((await when(started.id, 'finished')).account.verdict).toBe('fully_restored');
  expect(await repriced()).toBe(0);
});

test('a deadline that is over, or no time, and a rate that is none are refused; the act has both', async () => {
  const plan = await planned('bounded', [11]);
  for (const [options, code] of [
    [{ deadline: '2020-01-01T00:00:00Z' }, 'key_time_invalid'],
    [{ deadline: 'soon' }, 'time_invalid'],
    [{ deadline: '2099-01-01T00:00:00' }, 'time_zone_missing'],
    [{ rowsPerSecond: 0 }, 'request_invalid'],
    [{ rowsPerSecond: 1.5 }, 'request_invalid'],
  ] as const)
    await expect(stage.operator.createRun(plan.id, plan.digest, options), JSON.stringify(options)).rejects.toMatchObject({
      problem: { code },
    });
  const { id } = await stage.operator.createRun(plan.id, plan.digest, { deadline: '1h', rowsPerSecond: 1_000 });
  await when(id, 'finished');
  const { items } = await stage.operator.acts({}, { limit: 50 });
  const act = items.find(({ event }) => event.data.operation === 'createRun' && event.data.object.run === id);
  expect(act?.event.data.detail).toMatchObject({ rowsPerSecond: 1_000, deadline: expect.any(String) });
});
