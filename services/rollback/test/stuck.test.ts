import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

const SCHEMA = `CREATE TABLE orders (id int PRIMARY KEY, price int); INSERT INTO orders SELECT n, 100 FROM generate_series(1, 60) n;
  CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of memory' USING ERRCODE = '53200'; END $$`;

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ schema: SCHEMA, runner: { batchSteps: 25, lockMs: 200, awayRetryMs: 50, awayRetryMsMax: 100 } });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const owner = (sql: string) => stage.shop.owner.query(sql);
/** Actions of a new agent, one row each, under a plan that is run. */
async function undo(name: string, ids: readonly number[]): Promise<string> {
  const agent = await stage.agent(name);
  for (const id of ids) await agent.sql('reprice', `UPDATE orders SET price = price - 1 WHERE id = ${id}`);
  const plan = await stage.operator.createPlan({ selection: { agents: [name] }, mode: 'skip' });
  expect(plan.body.steps).toHaveLength(ids.length);
  return (await stage.operator.createRun(plan.id, plan.digest)).id;
}
const when = (run: string, isSo: (view: Awaited<ReturnType<Stage['operator']['run']>>) => boolean) =>
  waitUntil(
    async () => {
      const view = await stage.operator.run(run);
      return isSo(view) ? view : undefined;
    },
    { timeoutMs: 60_000 },
  );
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const stuck = async ({ id }: { readonly id: string }) => (await stage.operator.runSteps(id, { state: ['stuck'] })).items;

test('U17, U21: a step with which its target fails is the only one stuck; the run says what it waits for and holds only that row', async () => {
  const agent = await stage.agent('poison');
  for (const id of range(1, 30)) await agent.sql('reprice', `UPDATE orders SET price = 1 WHERE id = ${id}`);
  const plan = await stage.operator.createPlan({ selection: { agents: ['poison'] }, mode: 'skip' });
  await owner('CREATE TRIGGER fail BEFORE UPDATE ON orders FOR EACH ROW WHEN (OLD.id = 17 AND NEW.price = 100) EXECUTE FUNCTION fail()');
  const view = await when((await stage.operator.createRun(plan.id, plan.digest)).id, ({ state }) => state === 'waiting');
  expect(await stuck(view)).toMatchObject([
    { findings: [{ code: 'target_error', system: 'shop', detail: expect.stringContaining('53200') }] },
  ]);
  expect(view.account.outcomes).toEqual({ restored: 29 });
  expect(view.waits).toEqual([{ for: 'person', detail: '1 step is stuck: retry or skip it.' }]);

  const alarms = async () => {
    await stage.store.alarms.watchRecords();
    return (await stage.operator.alarms({ open: true })).items.filter(({ subject }) => subject === view.id);
  };
  const [alarm] = await alarms();
  expect(alarm).toMatchObject({
    code: 'step_stuck',
    detail: expect.stringContaining('53200'),
    action: expect.stringContaining(`recant run skip ${view.id}`),
  });

  const free = await undo('beside', [16, 18]);
  expect((await when(free, ({ state }) => state === 'finished')).account.verdict).toBe('fully_restored');
  const behind = await undo('behind', [17]);
  expect((await when(behind, ({ waits }) => waits.length > 0)).waits).toMatchObject([{ for: 'run', run: view.id }]);
  expect((await stage.operator.runs()).items.find(({ id }) => id === behind)?.waits).toMatchObject([{ for: 'run', run: view.id }]);

  await owner('DROP TRIGGER fail ON orders');
  await expect(stage.operator.skipSteps(view.id, { codes: ['locked'] })).rejects.toMatchObject({ problem: { code: 'step_not_stuck' } });
  await expect(stage.operator.skipSteps(view.id, { systems: ['other'] })).rejects.toMatchObject({ problem: { code: 'step_not_stuck' } });
  const [poisoned] = await stuck(view);
  expect(await stage.operator.skipSteps(view.id, { codes: ['target_error'], systems: ['shop'] })).toMatchObject({
    steps: [poisoned?.step],
  });
  await when(behind, ({ state }) => state === 'finished');
  await when(view.id, ({ state }) => state === 'finished');
  expect(await alarms()).toEqual([]);
  await owner('UPDATE orders SET price = 100 WHERE id = 17');
});

test('U18: a row that an idle session holds stops its own step for a while, then asks for a person; nothing else waits', async () => {
  const holder = await stage.shop.owner.connect();
  const held = await stage.agent('held');
  for (const id of range(41, 45)) await held.sql('reprice', `UPDATE orders SET price = 1 WHERE id = ${id}`);
  const plan = await stage.operator.createPlan({ selection: { agents: ['held'] }, mode: 'skip' });
  await holder.query('BEGIN; SELECT FROM orders WHERE id = 43 FOR UPDATE');
  const { id } = await stage.operator.createRun(plan.id, plan.digest);
  const view = await when(id, ({ state }) => state === 'waiting');
  expect(await stuck(view)).toMatchObject([{ findings: [{ code: 'locked', resource: 'postgres://shop/public.orders/43' }] }]);
  expect(view.account.outcomes).toEqual({ restored: 4 });
  await holder.query('ROLLBACK');
  holder.release();
  const [waiting] = await stuck(view);
  expect((await stage.operator.retrySteps(id, {})).steps).toEqual([waiting?.step]);
  expect((await when(id, ({ state }) => state === 'finished')).account.verdict).toBe('fully_restored');
});

test('C9: a database that takes no connections for a while stops nobody for good: the run says so, tries again and ends by itself', async () => {
  const agent = await stage.agent('away');
  for (const id of range(46, 50)) await agent.sql('reprice', `UPDATE orders SET price = 1 WHERE id = ${id}`);
  const plan = await stage.operator.createPlan({ selection: { agents: ['away'] }, mode: 'skip' });
  const database = new URL(stage.shop.ownerUrl).pathname.slice(1);
  // Their connections stay; one keeps the run from its first step.
  const [client, holder] = [await stage.shop.owner.connect(), await stage.shop.owner.connect()];
  await holder.query('BEGIN; SELECT FROM orders WHERE id BETWEEN 46 AND 50 FOR UPDATE');
  const { id } = await stage.operator.createRun(plan.id, plan.digest);
  await client.query(`ALTER DATABASE ${database} CONNECTION LIMIT 0`);
  await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'recant%' AND datname = current_database()",
  );
  const view = await when(id, ({ waits }) => waits.some(({ for: what }) => what === 'system'));
  expect(view).toMatchObject({ state: 'running', waits: [{ system: 'shop', detail: expect.stringContaining('does not answer') }] });
  await client.query(`ALTER DATABASE ${database} CONNECTION LIMIT -1`);
  await holder.query('ROLLBACK');
  client.release();
  holder.release();
  const ended = await when(id, ({ state }) => state === 'finished');
  expect([ended.account.verdict, ended.waits]).toEqual(['fully_restored', []]);
});
