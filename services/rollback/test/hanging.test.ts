import type { Connector, TargetSystem } from '@recant/connector';
import { postgresConnector } from '@recant/connector-postgres';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

type Call = 'rehearse' | 'invert' | 'applied';
/** The next call that gets no answer: before the target does its work, or after it. */
let hanging: { readonly call: Call; readonly when: 'before' | 'after' } | undefined;
const never = new Promise<never>(() => undefined);

async function hang<T>(call: Call, work: () => Promise<T>): Promise<T> {
  const now = hanging?.call === call ? hanging : undefined;
  if (now === undefined) return work();
  hanging = undefined;
  if (now.when === 'after') await work();
  return never;
}

const connector: Connector = {
  ...postgresConnector,
  async open(registration) {
    const target = await postgresConnector.open(registration);
    return {
      ...target,
      rehearse: (...input: Parameters<TargetSystem['rehearse']>) => hang('rehearse', () => target.rehearse(...input)),
      invert: (...input: Parameters<TargetSystem['invert']>) => hang('invert', () => target.invert(...input)),
      applied: (...input: Parameters<TargetSystem['applied']>) => hang('applied', () => target.applied(...input)),
    };
  },
};

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ connectors: [connector], workerOptions: { leaseMs: 1_000, hangMs: 4_000 }, runner: { batchSteps: 2 } });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const ended = (run: string, state: string) =>
  waitUntil(
    async () => {
      const view = await stage.operator.run(run);
      return view.state === state ? view : undefined;
    },
    { timeoutMs: 60_000 },
  );
const rows = async () => (await stage.shop.owner.query('SELECT id, price FROM orders ORDER BY id')).rows;

test.each([
  { call: 'rehearse', when: 'before' },
  { call: 'invert', when: 'before' },
  { call: 'invert', when: 'after' },
  { call: 'applied', when: 'before' },
] as const)(
  'I6, U19: a worker whose call of $call hangs ($when the work) loses its lease, and another one ends the run alike',
  async (at) => {
    const before = await rows();
    const name = `bad-${at.call}-${at.when}`;
    const agent = await stage.agent(name);
    for (const id of [1, 2, 3]) await agent.sql('reprice', `UPDATE orders SET price = price + 1 WHERE id = ${id}`);
    const plan = await stage.operator.createPlan({ selection: { agents: [name] } });
    hanging = at.call === 'applied' ? { call: 'invert', when: 'before' } : at;
    const { id } = await stage.operator.createRun(plan.id, plan.digest);
    if (at.call === 'applied') {
      await waitUntil(async () => (hanging === undefined ? true : undefined));
      hanging = at;
    }
    expect((await ended(id, 'finished')).account).toMatchObject({ outcomes: { restored: 3 }, verdict: 'fully_restored' });
    expect([hanging, await rows()]).toEqual([undefined, before]);
    const changes = await stage.shop.owner.query(
      'SELECT count(*)::int AS changes FROM recant.change c JOIN recant.attempt a ON a.id = c.attempt WHERE a.run = $1',
      [id],
    );
    expect(changes.rows).toEqual([{ changes: 3 }]);
  },
);

test('U19, U22: cancelling a run cancels the statement that hangs; its step is skipped, as the target’s record says', async () => {
  const agent = await stage.agent('hung');
  await agent.sql('reprice', 'UPDATE orders SET price = 1 WHERE id = 10');
  const plan = await stage.operator.createPlan({ selection: { agents: ['hung'] }, mode: 'skip' });
  await stage.shop.owner.query(`CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
    CREATE TRIGGER hang BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION hang()`);
  const { id } = await stage.operator.createRun(plan.id, plan.digest);
  await waitUntil(async () => {
    const { rowCount } = await stage.shop.owner.query(
      "SELECT FROM pg_stat_activity WHERE application_name LIKE 'recant-run/%' AND wait_event = 'PgSleep'",
    );
    return rowCount === 0 ? undefined : true;
  });
  await stage.operator.cancelRun(id);
  const view = await ended(id, 'cancelled');
  expect((await stage.operator.runSteps(view.id)).items).toMatchObject([{ outcome: 'skipped' }]);
  expect((await stage.shop.owner.query('SELECT price FROM orders WHERE id = 10')).rows).toEqual([{ price: 1 }]);
});
