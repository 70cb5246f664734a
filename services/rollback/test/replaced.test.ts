import type { PlanView } from '@recant/api';
import { preparePostgres } from '@recant/connector-postgres';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

/** A captured table is the relation, not its name (C3, F14): attempts before and after another table got its name. */
const COLUMNS = '(id int PRIMARY KEY, price int NOT NULL)';
const SCHEMA = `CREATE TABLE orders ${COLUMNS}; INSERT INTO orders SELECT n, 100 FROM generate_series(1, 9) n; CREATE TABLE other ${COLUMNS}; INSERT INTO other VALUES (1, 100)`;

async function open(): Promise<Stage & { connect(): Promise<unknown>; readonly login: string }> {
  const stage = await createStage({ watchMs: 50, schema: SCHEMA });
  const login = new URL(stage.shop.agentUrl).username;
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  return Object.assign(stage, { login, connect: () => preparePostgres({ url: stage.shop.ownerUrl, system: 'shop', agentRoles: [login] }) });
}

const planOf = (stage: Stage, agent: string) => stage.operator.createPlan({ selection: { agents: [agent] } });

async function accountOf(stage: Stage, { id, digest }: PlanView) {
  const { id: run } = await stage.operator.createRun(id, digest);
  return waitUntil(async () => {
    const view = await stage.operator.run(run);
    return view.state === 'finished' ? view.account : undefined;
  });
}

const alarmOf = (stage: Stage, text: string) =>
  waitUntil(async () =>
    (await stage.operator.alarms({ open: true })).items.find(({ code, detail }) => code === 'coverage_lost' && detail.includes(text)),
  );
const noAlarm = (stage: Stage) =>
  waitUntil(async () => (await stage.operator.alarms({ open: true })).items.every(({ code }) => code !== 'coverage_lost'));

test('I7: a table that was dropped and created again is an alarm; attempts on the old one are conflicts, those on the new one are named, and undone once it is connected', async () => {
  await using stage = await open();
  const { owner } = stage.shop;
  const [before, after] = [await stage.agent('before'), await stage.agent('after')];
  await before.sql('reprice', 'UPDATE orders SET price = 1 WHERE id = 1');
  expect((await planOf(stage, 'before')).runnable).toBe(true);
  await owner.query(`DROP TABLE orders; CREATE TABLE orders ${COLUMNS}; INSERT INTO orders SELECT n, 100 FROM generate_series(1, 9) n;
    GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO ${stage.login}`);
  expect(await alarmOf(stage, 'public.orders was dropped and created again')).toMatchObject({
    subject: 'shop',
    action: expect.stringContaining('recant connect postgres'),
  });
  await after.sql('reprice', 'UPDATE orders SET price = 2 WHERE id = 2', 'UPDATE other SET price = 2');

  const old = await planOf(stage, 'before');
  expect(old.runnable).toBe(false);
  expect(old.body.conflicts).toMatchObject([{ detail: expect.stringMatching(/no longer|dropped/) }]);
  const named = [{ system: 'shop', table: 'public.orders', logins: [stage.login] }];
  const unseen = await planOf(stage, 'after');
  expect(unseen.body.uncaptured).toMatchObject(named);
  expect(await accountOf(stage, unseen)).toMatchObject({
    outcomes: { restored: 1 },
    verdict: 'restored_unverified',
    unverified: { capture_incomplete: 1 },
  });

  await stage.connect();
  await noAlarm(stage);
  await after.sql('reprice', 'UPDATE orders SET price = 3 WHERE id = 3');
  const seen = await stage.operator
    .createPlan({ selection: { agents: ['after'] }, window: { from: new Date().toISOString() } })
    .catch(() => undefined);
  expect(seen?.body.uncaptured ?? []).toEqual([]);
  expect(await accountOf(stage, await planOf(stage, 'after'))).toMatchObject({ outcomes: { restored: 1 }, verdict: 'restored_unverified' });
  const { rows } = await owner.query('SELECT id, price FROM orders WHERE price <> 100');
  expect(rows, 'what nobody captured stays, and nothing of the old table is written here').toEqual([{ id: 2, price: 2 }]);
  expect((await planOf(stage, 'before')).runnable).toBe(false);
  expect(await stage.audit()).toEqual([]);
});

test('I7: a table under the name of a renamed one is an alarm; attempts go on being undone in the renamed one, never in the other', async () => {
  await using stage = await open();
  const { owner } = stage.shop;
  const [before, after] = [await stage.agent('before'), await stage.agent('after')];
  await before.sql('reprice', 'UPDATE orders SET price = 1 WHERE id = 1');
  await owner.query(`CREATE TABLE orders_new (LIKE orders INCLUDING ALL); INSERT INTO orders_new SELECT * FROM orders;
    GRANT SELECT, INSERT, UPDATE, DELETE ON orders_new TO ${stage.login}; ALTER TABLE orders RENAME TO orders_old; ALTER TABLE orders_new RENAME TO orders`);
  expect(await alarmOf(stage, 'Another table has the name public.orders')).toMatchObject({ detail: expect.stringContaining('orders_old') });
  await after.sql('reprice', 'UPDATE orders SET price = 2 WHERE id = 2', 'UPDATE other SET price = 2');
  const unseen = await planOf(stage, 'after');
  expect(unseen.body.uncaptured).toMatchObject([{ table: 'public.orders', logins: [stage.login] }]);
  expect((await accountOf(stage, unseen)).verdict).toBe('restored_unverified');
  expect((await accountOf(stage, await planOf(stage, 'before'))).outcomes).toEqual({ restored: 1 });
  const prices = async (table: string) => (await owner.query(`SELECT id, price FROM ${table} WHERE price <> 100`)).rows;
  expect(await prices('orders_old')).toEqual([]);
  expect(await prices('orders')).toEqual([
    { id: 1, price: 1 },
    { id: 2, price: 2 },
  ]);
  await stage.connect();
  await noAlarm(stage);
  await after.sql('reprice', 'UPDATE orders SET price = 4 WHERE id = 4');
  expect((await accountOf(stage, await planOf(stage, 'after'))).outcomes).toEqual({ restored: 1 });
  expect(await prices('orders')).toHaveLength(2);
});

test('I7: an agent that owns a captured table and drops it leaves no plan that calls it fully restored; an agent that could not is not concerned', async () => {
  await using stage = await open();
  const { owner, pool } = stage.shop;
  const [careful, reckless] = [await stage.agent('careful'), await stage.agent('reckless')];
  await careful.sql('reprice', 'UPDATE other SET price = 1');
  await owner.query('CREATE TABLE scratch (id int PRIMARY KEY)');
  await stage.connect();
  await owner.query('DROP TABLE scratch');
  await alarmOf(stage, 'public.scratch was dropped');
  expect((await planOf(stage, 'careful')).body.uncaptured, 'no agent could drop it').toBeUndefined();

  const root = new pg.Client({ connectionString: stage.databaseOwnerUrl });
  await root.connect();
  await root.query(`GRANT ${stage.login} TO ${new URL(stage.shop.ownerUrl).username}`).finally(() => root.end());
  await owner.query(`GRANT CREATE ON SCHEMA public TO ${stage.login}; ALTER TABLE orders OWNER TO ${stage.login}`);
  await stage.connect();
  await reckless.sql('clean up', 'DROP TABLE orders');
  expect((await pool.query("SELECT to_regclass('orders') AS name")).rows).toEqual([{ name: null }]);
  const dropped = { system: 'shop', table: 'public.orders', logins: [stage.login], dropped: true };
  for (const connect of [() => Promise.resolve(), stage.connect]) {
    await connect();
    await reckless.sql('reprice', 'UPDATE other SET price = price + 1');
    const plan = await planOf(stage, 'reckless');
    expect(plan.body.uncaptured).toMatchObject([dropped]);
    expect(await accountOf(stage, plan)).toMatchObject({ outcomes: { restored: 1 }, verdict: 'restored_unverified' });
  }
});
