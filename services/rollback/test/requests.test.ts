import { createClient } from '@recant/client';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const pricer = await stage.agent('pricer');
  await pricer.sql('reprice', 'UPDATE orders SET price = 3 WHERE id = 50');
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const problem = async (work: Promise<unknown>): Promise<[number, string]> => {
  try {
    await work;
  } catch (error) {
    const { status, code, action } = (error as { problem: { status: number; code: string; action: string } }).problem;
    expect(action).not.toBe('');
    return [status, code];
  }
  throw new Error('it was accepted');
};

test.each([
  [{ selection: {} }, 400, 'selection_empty'],
  [{}, 400, 'selection_empty'],
  [{ selection: { agents: ['nobody'] } }, 404, 'agent_unknown'],
  [{ selection: { runs: ['nothing'] } }, 404, 'run_unknown'],
  [{ selection: { agents: ['pricer'] }, window: { from: '1h', to: '2h' } }, 400, 'window_empty'],
  [{ selection: { agents: ['pricer'] }, window: { from: '2026-03-01T10:00:00' } }, 400, 'time_zone_missing'],
  [{ selection: { agents: ['pricer'] }, window: 'soon' }, 400, 'time_invalid'],
  [{ selection: { agents: ['pricer'] }, window: { from: '99999999d' } }, 400, 'time_invalid'],
  [{ selection: { agents: ['pricer'] }, window: { to: '+275760-09-13T00:00:00Z' } }, 400, 'time_invalid'],
  [{ selection: { outcomes: ['great'] } }, 400, 'selection_invalid'],
  [{ selection: { agent: 'pricer' } }, 400, 'request_invalid'],
  [{ selection: "agent = 'pricer' and" }, 400, 'selection_invalid'],
  [{ selection: { where: 'since yesterday' } }, 400, 'selection_invalid'],
  [{ selection: { where: { field: 'agent' } } }, 400, 'selection_invalid'],
  [{ selection: { where: "agent = 'pricer' and not agent = 'pricr'" } }, 404, 'agent_unknown'],
  [{ selection: { where: "agent = 'pricer' and not run = 'nothing'" } }, 404, 'run_unknown'],
  [{ selection: { agents: ['pricer'] }, mode: 'anyhow' }, 400, 'request_invalid'],
  [{ selection: { agents: ['pricer'] }, mode: 'force' }, 400, 'force_without_reason'],
])('a plan of %j is refused: %i %s', async (input, status, code) => {
  expect(await problem(stage.operator.createPlan(input as never))).toEqual([status, code]);
});

test('a condition selects by what the agent said, what it touched, and what is not so', async () => {
  const labelled = await stage.agent('labelled');
  const touch = (labels: Record<string, string>, id: number) =>
    labelled
      .action(
        'touch',
        {},
        (context) => context.on(labelled.system).transaction((tx) => tx.query(`UPDATE orders SET price = 8 WHERE id = ${id}`)),
        {
          labels,
        },
      )
      .finally(() => labelled.flush());
  await touch({ ticket: 'OPS-7' }, 9);
  await touch({ ticket: 'OPS-8' }, 70);
  const rows = async (where: string) => {
    const { id } = await stage.operator.createPlan({ selection: where });
    return (await stage.operator.planRows(id)).items.map(({ resource }) => Number(resource.split('/').at(-1))).sort();
  };
  expect(await rows("agent = labelled and label ticket = 'OPS-7'")).toEqual([9]);
  expect(await rows("agent = labelled and label ticket != 'OPS-7' and since 1h")).toEqual([70]);
  expect(await rows("(agent = labelled or agent = pricer) and key('postgres://shop/public.orders') >= 50")).toEqual([50, 70]);
  expect(await rows("resource ~ 'postgres://*/public.orders/9' and tool != reprice")).toEqual([9]);
  const { selection } = (
    await stage.operator.createPlan({ selection: { agents: ['labelled'], where: { not: { label: 'ticket', like: '*-8' } } } })
  ).body;
  expect(selection).toEqual({ agents: ['labelled'], where: "not label 'ticket' ~ '*-8'" });
});

test('a key can use its roles only, within its tenant', async () => {
  const plan = await stage.operator.createPlan({ selection: { agents: ['pricer'] } });
  const as = async (over: Parameters<Stage['makeKey']>[0]) =>
    createClient({ url: stage.url, apiKey: await stage.makeKey({ agents: [], ...over }) });
  const viewer = await as({ roles: ['view'] });
  const planner = await as({ roles: ['plan'] });
  const stranger = await as({ tenant: 'other', roles: ['view', 'plan', 'execute', 'administer'] });
  expect((await viewer.plan(plan.id)).digest).toBe(plan.digest);
  expect(await problem(viewer.createPlan({ selection: { agents: ['pricer'] } }))).toEqual([403, 'role_missing']);
  expect(await problem(planner.createRun(plan.id, plan.digest))).toEqual([403, 'role_missing']);
  expect(await problem(stranger.plan(plan.id))).toEqual([404, 'plan_unknown']);
  expect(await problem(stranger.createPlan({ selection: { agents: ['pricer'] } }))).toEqual([404, 'agent_unknown']);
  expect(await stranger.systems()).toEqual([]);
  expect(await problem(createClient({ url: stage.url, apiKey: `recant_abcd_${'A'.repeat(43)}` }).systems())).toEqual([
    401,
    'unauthenticated',
  ]);
});

test('unknown things and invalid states have error codes', async () => {
  const { operator } = stage;
  expect(await problem(operator.plan('nothing'))).toEqual([404, 'plan_unknown']);
  expect(await problem(operator.run('nothing'))).toEqual([404, 'run_unknown']);
  expect(await problem(operator.pauseRun('nothing'))).toEqual([404, 'run_unknown']);
  expect(await problem(operator.createRun('nothing', '0'.repeat(64)))).toEqual([404, 'plan_unknown']);
  expect(await problem(operator.registerSystem({ name: 'x', connector: 'postgres', options: { url: 'http://shop' } }))).toEqual([
    422,
    'system_options_invalid',
  ]);
  expect(
    await problem(operator.registerSystem({ name: 'x', connector: 'postgres', options: { url: 'postgres://127.0.0.1:1/x' } })),
  ).toEqual([422, 'system_unreachable']);
});

test('calls that a freeze denies, and calls without effects, leave a plan as it is', async () => {
  const retrier = await stage.agent('retrier');
  await retrier.sql('reprice', 'UPDATE orders SET price = 7 WHERE id = 60');
  const { freeze } = await stage.operator.freeze({ scope: 'agent', value: 'retrier', reason: 'it goes on' });
  const { id, digest } = await stage.operator.createPlan({ selection: { agents: ['retrier'] } });
  await expect(retrier.sql('reprice', 'UPDATE orders SET price = 8 WHERE id = 60')).rejects.toMatchObject({ code: 'frozen' });
  await retrier.flush();
  const denied = await stage.operator.attempts({ agent: ['retrier'], outcome: ['denied'] });
  expect(denied.items).toHaveLength(1);
  const run = await stage.operator.createRun(id, digest);
  await waitUntil(async () => (await stage.operator.run(run.id)).state === 'finished');
  expect((await stage.operator.run(run.id)).account.outcomes).toEqual({ restored: 1 });
  await stage.operator.thaw(freeze, 'done');
});

test('a stale plan is refused before the start; planned again, it runs', async () => {
  const first = await stage.operator.createPlan({ selection: { agents: ['pricer'] } });
  const bystander = await stage.agent('bystander');
  await bystander.sql('ship', "UPDATE orders SET state = 'shipped' WHERE id IN (50, 51)");
  const other = await stage.operator.createPlan({ selection: { agents: ['pricer'] } });
  expect([first.runnable, other.runnable]).toEqual([true, true]);
  await bystander.sql('reprice', 'UPDATE orders SET price = 3 WHERE id = 50');
  expect(await problem(stage.operator.createRun(first.id, first.digest))).toEqual([409, 'plan_stale']);

  const both = await stage.operator.createPlan({ selection: { agents: ['pricer', 'bystander'] } });
  const { id } = await stage.operator.createRun(both.id, both.digest);
  await waitUntil(async () => (await stage.operator.run(id)).state === 'finished');
  const run = await stage.operator.run(id);
  // Rewriting an equal value is an effect, but needs no write to undo.
  expect(run.account).toMatchObject({ selected: 3, outcomes: { restored: 2, already_undone: 1 }, verdict: 'fully_restored' });
  expect(await problem(stage.operator.cancelRun(id))).toEqual([409, 'run_state_conflict']);
  expect(await problem(stage.operator.retryStep(id, 1))).toEqual([409, 'step_not_stuck']);
  expect(await problem(stage.operator.retryStep(id, 9))).toEqual([404, 'step_unknown']);
  const listed = await stage.operator.runs({ limit: 1 });
  expect(listed.items[0]).toMatchObject({
    id,
    state: 'finished',
    steps: 3,
    account: { outcomes: { restored: 2, already_undone: 1 }, verdict: 'fully_restored' },
  });
  const empty = await stage.operator.createPlan({ selection: { agents: ['pricer'] } });
  expect(await problem(stage.operator.createRun(empty.id, empty.digest))).toEqual([409, 'plan_empty']);
});

test('the act of a registration names the system without its connection options', async () => {
  const { items } = await stage.operator.acts();
  const [registered] = await stage.operator.systems();
  const found = items
    .map(({ event }) => event.data)
    .find(({ operation, object }) => operation === 'registerSystem' && object.system === 'shop');
  expect(found).toMatchObject({
    outcome: 'done',
    object: { system: 'shop' },
    detail: { connector: 'postgres', identity: registered?.identity },
  });
  expect(JSON.stringify(items)).not.toContain(new URL(stage.shop.ownerUrl).password);
});

test('an invalid address is refused at once', async () => {
  const options = { url: 'postgres://owner:secret@%00/shop' };
  expect(await problem(stage.operator.registerSystem({ name: 'gone', connector: 'postgres', options }))).toEqual([
    422,
    'system_options_invalid',
  ]);
});

test('a tenant that this process does not serve can register no system', async () => {
  const apiKey = await stage.makeKey({ tenant: 'other', roles: ['administer', 'view'], agents: [] });
  const stranger = createClient({ url: stage.url, apiKey });
  for (const options of [{ root: '/' }, { root: '/no/such/folder' }])
    expect(await problem(stranger.registerSystem({ name: 'disk', connector: 'filesystem', options }))).toEqual([503, 'ledger_unavailable']);
  expect(await problem(stranger.registerSystem({ name: 'db', connector: 'postgres', options: { url: stage.shop.ownerUrl } }))).toEqual([
    503,
    'ledger_unavailable',
  ]);
  expect(await stranger.systems()).toEqual([]);
});
