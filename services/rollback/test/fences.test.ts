import type { RecantError } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

type Agent = Awaited<ReturnType<Stage['agent']>>;
const row = (id: number): string => `postgres://shop/public.orders/${id}`;
/** Sets the price of one order, which it declares. @returns `ran`, or the code of the error */
const setPrice = (agent: Agent, id: number, price: number): Promise<string> =>
  agent
    .action('set_price', { price }, (context) => context.on(agent.system).transaction((tx) => write(tx, id, price)), {
      resources: [row(id)],
    })
    .then(
      () => 'ran',
      (error: RecantError) => error.code,
    )
    .finally(() => agent.flush());
const write = (tx: { query(text: string, values: unknown[]): Promise<unknown> }, id: number, price: number) =>
  tx.query('UPDATE orders SET price = $1 WHERE id = $2', [price, id]);
const priceOf = async (id: number): Promise<number> =>
  (await stage.shop.owner.query('SELECT price FROM orders WHERE id = $1', [id])).rows[0].price;

async function undo(selection: Parameters<Stage['operator']['createPlan']>[0]['selection'], fence?: string) {
  const plan = await stage.operator.createPlan({ selection, mode: 'skip' });
  const { id } = await stage.withReason('wrong prices').createRun(plan.id, plan.digest, { fence });
  return waitUntil(async () => {
    const view = await stage.operator.run(id);
    return ['finished', 'cancelled', 'waiting'].includes(view.state) ? view : undefined;
  });
}

test('a run fences what it undid, for every agent, and nothing else; rolling it back lifts the fence', async () => {
  const [wrong, heir] = [await stage.agent('wrong'), await stage.agent('heir')];
  expect([await setPrice(wrong, 1, 5), await setPrice(wrong, 1, 6), await setPrice(wrong, 2, 5)]).toEqual(['ran', 'ran', 'ran']);
  await wrong.sql('sweep', 'UPDATE orders SET price = 7 WHERE id = 3');
  // In conflict: it stays as it is.
  await stage.shop.owner.query('UPDATE orders SET price = 99 WHERE id = 2');
  const run = await undo({ agents: ['wrong'] }, '2h');
  expect([await priceOf(1), await priceOf(2), await priceOf(3)]).toEqual([100, 99, 100]);
  // The two calls on order 1 are one; `sweep` declares nothing, so its arguments are compared.
  expect(run.fence).toMatchObject({ inForce: 2, without: 0 });
  const { items } = await stage.operator.fences({ run: run.id });
  expect(items.map(({ tool, resources, reason }) => [tool, resources, reason]).sort()).toEqual([
    ['set_price', [row(1)], 'wrong prices'],
    ['sweep', [], 'wrong prices'],
  ]);

  expect([await setPrice(wrong, 1, 5), await setPrice(heir, 1, 6), await setPrice(heir, 2, 5)]).toEqual(['fenced', 'fenced', 'ran']);
  await expect(heir.sql('sweep', 'UPDATE orders SET price = 8 WHERE id = 3')).rejects.toMatchObject({ code: 'fenced' });
  expect([await priceOf(1), await priceOf(3)]).toEqual([100, 100]);

  const act = (await stage.operator.acts()).items
    .map(({ event }) => event.data)
    .find(({ operation, object }) => operation === 'createRun' && object.run === run.id);
  expect(act).toMatchObject({ operation: 'createRun', detail: { fence: { expiresAt: run.fence?.expiresAt } } });
  await undo({ runs: [run.id] });
  expect(await priceOf(1)).toBe(6);
  expect((await stage.operator.run(run.id)).fence).toMatchObject({ inForce: 0 });
  expect(await setPrice(heir, 1, 4)).toBe('ran');
}, 120_000);

test('bad input: an invalid time, one in the past; without the option nothing is fenced', async () => {
  const agent = await stage.agent('plain');
  await setPrice(agent, 40, 1);
  const plan = await stage.operator.createPlan({ selection: { agents: ['plain'] } });
  const start = (fence: string) => stage.operator.createRun(plan.id, plan.digest, { fence });
  await expect(start('soon')).rejects.toMatchObject({ problem: { code: 'time_invalid' } });
  await expect(start('2020-01-01T00:00:00Z')).rejects.toMatchObject({ problem: { code: 'key_time_invalid' } });
  const run = await undo({ agents: ['plain'] });
  expect([run.state, run.fence, await setPrice(agent, 40, 1)]).toEqual(['finished', undefined, 'ran']);
});
