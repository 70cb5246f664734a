import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(async () => {
  expect(await stage.audit()).toEqual([]);
  await stage[Symbol.asyncDispose]();
});

const reason = 'looked at the provider';

/** A payment that nothing records but the ledger. @returns its action */
async function pay(recant: Awaited<ReturnType<Stage['agent']>>, order: number, answered: boolean): Promise<string> {
  let action = '';
  const work = async () => {
    action = recant.current()?.action ?? '';
    if (!answered) throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
  };
  await recant.action('pay', { order }, work, { reversibility: 'compensable' }).catch(() => undefined);
  await recant.flush();
  return action;
}

/** An agent that changed one row, and whose payment has no answer. */
async function payer(agent: string, row: number) {
  const recant = await stage.agent(agent);
  await recant.sql('reprice', `UPDATE orders SET price = 1 WHERE id = ${row}`);
  return { recant, action: await pay(recant, row, false), selection: { agents: [agent] } };
}

async function accountOf(selection: { agents: string[] }) {
  const plan = await stage.operator.createPlan({ selection });
  const { id } = await stage.operator.createRun(plan.id, plan.digest);
  await waitUntil(async () => (await stage.operator.run(id)).state === 'finished');
  return (await stage.operator.run(id)).account;
}

test('a payment without an answer stops a plan until a person settles it; as failed it leaves nothing to undo', async () => {
  const { action, selection } = await payer('payer', 1);
  const before = await stage.operator.createPlan({ selection, mode: 'skip' });
  expect(before.body).toMatchObject({ conflicts: [{ kind: 'open', tool: 'pay' }], left: [{ tool: 'pay', reason: 'open' }] });
  await stage.operator.settle(action, { as: 'failed', reason });
  // What was planned before the word is not run after it.
  await expect(stage.operator.createRun(before.id, before.digest)).rejects.toMatchObject({ problem: { code: 'plan_stale' } });
  const after = await stage.operator.createPlan({ selection });
  const detail = expect.stringMatching(/^[0-9a-f]{20} settled it as failed, and no change was recorded\.$/);
  expect(after).toMatchObject({ runnable: true, body: { conflicts: [], left: [{ tool: 'pay', reason: 'no_effect', detail }] } });
  expect(await accountOf(selection)).toMatchObject({ verdict: 'fully_restored', left: { no_effect: 1 } });
});

test('a payment that a person settled as succeeded stays, and the account says so', async () => {
  const { action, selection } = await payer('paid', 2);
  await stage.operator.settle(action, { as: 'succeeded', reason });
  const plan = await stage.operator.createPlan({ selection });
  const detail = expect.stringContaining('settled it as succeeded, and no change with an inverse was recorded: its effect stays.');
  expect(plan).toMatchObject({ runnable: true, body: { conflicts: [], left: [{ tool: 'pay', reason: 'irreversible', detail }] } });
  expect(await accountOf(selection)).toMatchObject({ verdict: 'partly_restored', left: { irreversible: 1 }, outcomes: { restored: 1 } });
});

test('what a target recorded is undone whatever a person says of the attempt', async () => {
  const recant = await stage.agent('both');
  let action = '';
  const work = async () => {
    action = recant.current()?.action ?? '';
    throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
  };
  await recant
    .action(
      'reprice',
      {},
      async (context) => {
        await context.on(recant.system).transaction((tx) => tx.query('UPDATE orders SET price = 1 WHERE id = 3'));
        await work();
      },
      { reversibility: 'compensable' },
    )
    .catch(() => undefined);
  await recant.flush();
  await stage.operator.settle(action, { as: 'failed', reason });
  expect(await accountOf({ agents: ['both'] })).toMatchObject({ outcomes: { restored: 1 }, left: {} });
  expect((await stage.shop.owner.query('SELECT price FROM orders WHERE id = 3')).rows).toEqual([{ price: 100 }]);
});
