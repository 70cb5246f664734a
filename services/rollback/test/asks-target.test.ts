import type { PlanView } from '@recant/api';
import { preparePostgres } from '@recant/connector-postgres';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

const register = (stage: Stage) =>
  stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
const runOf = async (stage: Stage, { id, digest }: PlanView) => {
  const started = await stage.operator.createRun(id, digest);
  return waitUntil(async () => {
    const view = await stage.operator.run(started.id);
    return ['finished', 'waiting'].includes(view.state) ? view : undefined;
  });
};
const planOf = (stage: Stage, agent: string, mode?: 'skip') =>
  stage.operator.createPlan({ selection: { agents: [agent] }, ...(mode ? { mode } : {}) });

const namesOf = ({ body }: PlanView): string[] => (body.watermark?.missing ?? []).map(({ id }) => id);

async function asSuperuser(stage: Stage, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: stage.databaseOwnerUrl });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

const ORDERS = `CREATE TABLE orders (id int PRIMARY KEY, tier text NOT NULL, secret text);
  INSERT INTO orders SELECT n, 'basic', 's' FROM generate_series(1, 20) n`;

test('a later change by a person is a conflict of the plan, with values, login and time: refuse stops, skip leaves it out', async () => {
  await using stage = await createStage({ schema: ORDERS });
  await register(stage);
  const bad = await stage.agent('bad');
  await bad.sql('downgrade', "UPDATE orders SET tier = 'free' WHERE id <= 3");
  await bad.sql('downgrade', "UPDATE orders SET tier = 'free' WHERE id = 9");
  await stage.shop.owner.query("UPDATE orders SET tier = 'platinum' WHERE id = 2");

  const refuse = await planOf(stage, 'bad');
  const login = new URL(stage.shop.ownerUrl).username;
  expect(refuse.runnable).toBe(false);
  expect(refuse.body.conflicts).toMatchObject([
    {
      kind: 'drift',
      resource: 'postgres://shop/public.orders/2',
      part: 'tier',
      askedAtMs: expect.any(Number),
      detail: expect.stringMatching(`^tier is 'platinum' now, the agent set 'free'; changed later by login ${login} at \\d{4}-`),
    },
  ]);
  await expect(stage.operator.createRun(refuse.id, refuse.digest)).rejects.toMatchObject({ problem: { code: 'plan_conflicts' } });

  const skip = await planOf(stage, 'bad', 'skip');
  expect(skip.body).toMatchObject({ steps: [{ step: 1 }], left: [{ reason: 'skipped' }] });
  expect((await runOf(stage, skip)).account).toMatchObject({ outcomes: { restored: 1 }, verdict: 'partly_restored' });
  const { rows } = await stage.shop.owner.query('SELECT id, tier FROM orders WHERE id IN (1, 2, 3, 9) ORDER BY id');
  expect(rows.map(({ tier }) => tier)).toEqual(['free', 'platinum', 'free', 'basic']);
  expect(await stage.audit()).toEqual([]);
});

test('I5: in mode refuse a change between plan and run is found before the first write', async () => {
  await using stage = await createStage({ schema: ORDERS });
  await register(stage);
  const bad = await stage.agent('bad');
  for (let id = 1; id <= 3; id += 1) await bad.sql('downgrade', `UPDATE orders SET tier = 'free' WHERE id = ${id}`);
  const plan = await planOf(stage, 'bad');
  expect(plan).toMatchObject({ runnable: true, body: { conflicts: [] } });
  await stage.shop.owner.query("UPDATE orders SET tier = 'platinum' WHERE id = 1");
  const run = await runOf(stage, plan);
  expect(run.account).toMatchObject({ outcomes: { conflicted: 1, skipped: 2 }, verdict: 'not_restored' });
  const { items } = await stage.operator.runSteps(run.id);
  expect(items.flatMap(({ findings }) => findings.map(({ code }) => code)).sort()).toEqual(['drift', 'refused', 'refused']);
  const { rows } = await stage.shop.owner.query('SELECT tier FROM orders WHERE id <= 3 ORDER BY id');
  expect(rows.map(({ tier }) => tier)).toEqual(['platinum', 'free', 'free']);
});

test('what a person wrote between two writes of an agent is in the way only where it would be overwritten, and the person is named', async () => {
  await using stage = await createStage({ schema: ORDERS });
  await register(stage);
  const bad = await stage.agent('bad');
  await bad.sql('downgrade', "UPDATE orders SET tier = 'free' WHERE id <= 2");
  await stage.shop.owner.query("UPDATE orders SET tier = CASE id WHEN 1 THEN 'basic' ELSE 'platinum' END WHERE id <= 2");
  await bad.sql('touch', "UPDATE orders SET tier = 'basic' WHERE id = 1");
  const back = await planOf(stage, 'bad');
  const login = new URL(stage.shop.ownerUrl).username;
  expect(back.body.conflicts).toMatchObject([
    {
      resource: 'postgres://shop/public.orders/2',
      detail: expect.stringContaining(`'platinum' now, the agent set 'free'; changed later by login ${login}`),
    },
  ]);
  await stage.shop.owner.query("UPDATE orders SET tier = 'basic' WHERE id = 2");
  await bad.sql('touch', "UPDATE orders SET tier = 'gold' WHERE id = 2");
  const plan = await planOf(stage, 'bad');
  expect(plan).toMatchObject({ runnable: true, body: { conflicts: [] } });
  expect((await runOf(stage, plan)).account).toMatchObject({ outcomes: { restored: 1, already_undone: 2 }, verdict: 'fully_restored' });
  expect((await stage.shop.owner.query('SELECT DISTINCT tier FROM orders')).rows).toEqual([{ tier: 'basic' }]);
});

const TRAPS = `
  CREATE TABLE stamped (id int PRIMARY KEY, n int NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
  CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.updated_at := clock_timestamp(); RETURN new; END';
  CREATE TRIGGER stamp BEFORE UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
  CREATE TABLE rounded (id int PRIMARY KEY, n int NOT NULL);
  CREATE FUNCTION round_up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF new.n < old.n THEN new.n := old.n + 1; END IF; RETURN new; END';
  CREATE TABLE ruled (id int PRIMARY KEY, n int NOT NULL);
  CREATE TABLE parents (id int PRIMARY KEY, n int NOT NULL);
  CREATE TABLE lines (parent int REFERENCES parents ON DELETE CASCADE, note text);
  CREATE TABLE guarded (id int PRIMARY KEY, n int NOT NULL UNIQUE);
  INSERT INTO stamped VALUES (1, 1); INSERT INTO rounded VALUES (1, 1); INSERT INTO ruled VALUES (1, 1); INSERT INTO guarded VALUES (1, 1)`;

test('what the target would refuse at the run is a conflict of the plan: rules, triggers, reach, constraints; derived columns are none', async () => {
  await using stage = await createStage({ schema: TRAPS });
  await register(stage);
  const { owner } = stage.shop;
  const play = async (name: string, sql: string) => (await stage.agent(name)).sql('write', sql);
  await play('stamped', 'UPDATE stamped SET n = 2');
  await play('rounded', 'UPDATE rounded SET n = 5');
  await play('ruled', 'UPDATE ruled SET n = 2');
  await play('reaching', 'INSERT INTO parents VALUES (1, 1)');
  await play('guarded', 'UPDATE guarded SET n = 2');
  await owner.query(`CREATE TRIGGER round_up BEFORE UPDATE ON rounded FOR EACH ROW EXECUTE FUNCTION round_up();
    CREATE RULE log AS ON UPDATE TO ruled DO ALSO NOTIFY ruled;
    INSERT INTO lines VALUES (1, 'of a person'); INSERT INTO guarded VALUES (2, 1)`);
  const before = await owner.query('SELECT * FROM lines, guarded, rounded');
  const kindsOf = async (name: string) => (await planOf(stage, name)).body.conflicts.map(({ kind }) => kind);
  expect(await kindsOf('stamped')).toEqual([]);
  expect(new Set(await kindsOf('rounded'))).toEqual(new Set(['read_back']));
  expect(await kindsOf('ruled')).toEqual(['constraint']);
  expect(await kindsOf('reaching')).toEqual(['reaches_uncaptured']);
  expect(await kindsOf('guarded')).toEqual(['constraint']);
  expect((await owner.query('SELECT * FROM lines, guarded, rounded')).rows).toEqual(before.rows);
  expect((await owner.query('SELECT count(*)::int AS n FROM recant.applied')).rows).toEqual([{ n: 0 }]);
});

test('rights that the undo login lost, and rows that a policy hides from it, are conflicts of the plan; they end when the operator mends them', async () => {
  await using stage = await createStage({ schema: 'CREATE TABLE kept (id int PRIMARY KEY, n int); INSERT INTO kept VALUES (1, 1)' });
  await register(stage);
  const { owner, ownerUrl } = stage.shop;
  await (await stage.agent('bad')).sql('write', 'UPDATE kept SET n = 2');
  const login = new URL(ownerUrl).username;
  for (const [breaks, mends] of [
    [`REVOKE UPDATE ON kept FROM ${login}`, `GRANT UPDATE ON kept TO ${login}`],
    [`REVOKE SELECT ON kept FROM ${login}`, `GRANT SELECT ON kept TO ${login}`],
    ['ALTER TABLE kept ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', 'ALTER TABLE kept NO FORCE ROW LEVEL SECURITY'],
  ] as const) {
    await owner.query(breaks);
    const plan = await planOf(stage, 'bad');
    expect(
      plan.body.conflicts.map(({ detail }) => detail),
      breaks,
    ).toEqual([expect.stringMatching(/kept|security|permission/i)]);
    expect(plan.runnable, breaks).toBe(false);
    await expect(stage.operator.createRun(plan.id, plan.digest), breaks).rejects.toMatchObject({ problem: { code: 'plan_conflicts' } });
    await owner.query(mends);
  }
  expect(await planOf(stage, 'bad')).toMatchObject({ runnable: true, body: { conflicts: [] } });
  expect((await owner.query('SELECT n FROM kept')).rows).toEqual([{ n: 2 }]);
});

test('rows that somebody holds do not stop planning: their guards are checked without a lock', async () => {
  await using stage = await createStage({ schema: ORDERS });
  await register(stage);
  const bad = await stage.agent('bad');
  await bad.sql('downgrade', "UPDATE orders SET tier = 'free' WHERE id = 1");
  await bad.sql('downgrade', "UPDATE orders SET tier = 'trial' WHERE id = 1");
  const client = await stage.shop.owner.connect();
  await client.query('BEGIN; SELECT * FROM orders WHERE id = 1 FOR UPDATE');
  const plan = await planOf(stage, 'bad');
  await client.query('ROLLBACK');
  client.release();
  expect(plan).toMatchObject({ runnable: true, body: { conflicts: [] } });
  expect(plan.body.steps).toHaveLength(2);
});

test('a hole in the capture stops a plan until a person accepts it, and the account says so', async () => {
  await using stage = await createStage({ schema: ORDERS });
  await register(stage);
  const bad = await stage.agent('bad');
  await bad.sql('downgrade', "UPDATE orders SET tier = 'free' WHERE id = 1");
  // As if the queue had reached its second limit.
  await stage.shop.owner.query("SELECT setval('recant.queue_level', 3)");
  await stage.shop.owner.query("UPDATE orders SET tier = 'basic' WHERE id = 2");

  const refused = await planOf(stage, 'bad');
  expect(refused).toMatchObject({ runnable: false, body: { conflicts: [{ kind: 'capture_incomplete' }] } });
  await expect(stage.operator.acceptIncomplete('none', { reason: 'checked' })).rejects.toMatchObject({
    problem: { code: 'system_unknown' },
  });
  expect((await stage.operator.acceptIncomplete('shop', { reason: 'checked' })).accepted).toMatchObject([
    { code: 'coverage_lost', scope: 'postgres://shop/public.orders/' },
  ]);
  const run = await runOf(stage, await planOf(stage, 'bad'));
  expect(run.account).toMatchObject({ outcomes: { restored: 1 }, verdict: 'restored_unverified', unverified: { capture_incomplete: 1 } });
  expect((await stage.operator.runs()).items[0]?.account).toMatchObject({ verdict: 'restored_unverified' });
  expect(JSON.stringify((await stage.operator.acts({})).items)).toMatch(/acceptIncomplete.*checked|checked.*acceptIncomplete/);
});

test('a transaction that a selected agent left open is named; a person ends it, or plans without it; others are not delayed', async () => {
  await using stage = await createStage({ schema: ORDERS });
  await register(stage);
  const bad = await stage.agent('bad');
  const good = await stage.agent('good');
  await bad.sql('downgrade', "UPDATE orders SET tier = 'free' WHERE id = 1");
  await good.sql('upgrade', "UPDATE orders SET tier = 'gold' WHERE id = 9");
  const client = new pg.Client({ connectionString: stage.shop.agentUrl });
  const closed = new Promise<void>((resolve) => void client.on('error', () => undefined).on('end', resolve));
  await client.connect();
  await client.query("BEGIN; UPDATE orders SET tier = 'free' WHERE id = 2");
  const { rows } = await client.query<{ pid: number; login: string }>('SELECT pg_backend_pid() AS pid, session_user AS login');
  const { pid = 0, login } = rows[0] ?? {};

  const refused = await planOf(stage, 'bad');
  const missing = [{ kind: 'open_transaction', subject: 'shop', detail: expect.stringContaining(`login ${login}, pid ${pid}`) }];
  expect(refused).toMatchObject({ runnable: false, body: { steps: [{ step: 1 }], conflicts: [], watermark: { missing } } });
  await expect(stage.operator.createRun(refused.id, refused.digest)).rejects.toMatchObject({ problem: { code: 'plan_incomplete' } });
  const accept = (refused.body.watermark?.missing ?? []).map(({ id }) => id);
  const without = await stage.withReason('it is a read').createPlan({ selection: { agents: ['bad'] }, accept });
  expect(without.runnable).toBe(true);
  expect((await runOf(stage, without)).account).toMatchObject({ verdict: 'restored_unverified', unverified: { record_incomplete: 1 } });

  await expect(stage.operator.endTransaction('shop', pid)).rejects.toMatchObject({
    problem: { code: 'system_not_prepared', detail: expect.stringContaining('pg_signal_backend') },
  });
  expect((await stage.operator.endTransaction('shop', 1)).ended).toEqual([]);
  const root = new URL(stage.shop.ownerUrl).username;
  await asSuperuser(stage, `GRANT ${login} TO ${root}`);
  expect((await stage.operator.endTransaction('shop', pid)).ended).toMatchObject([{ login, pid }]);
  await closed;
  const plan = await planOf(stage, 'good');
  expect(plan.body.watermark?.missing).toEqual([]);
  expect((await runOf(stage, plan)).account).toMatchObject({ verdict: 'fully_restored' });
});

test('a system whose latest changes cannot be recorded is named in the plan, which does not run before they are', async () => {
  await using stage = await createStage({ schema: ORDERS });
  await register(stage);
  const bad = await stage.agent('bad');
  await bad.sql('downgrade', "UPDATE orders SET tier = 'free' WHERE id = 1");
  const before = await planOf(stage, 'bad');
  await stage.shop.owner.query('ALTER TABLE recant.batch RENAME TO batch_away');
  await bad.sql('downgrade', "UPDATE orders SET tier = 'free' WHERE id = 2");

  const { rows } = await stage.store.pool.query("SELECT max(source) AS source FROM recant.source WHERE source LIKE '%/system/shop/%'");
  const { source } = rows[0];
  const missing = [
    { kind: 'system', subject: 'shop', detail: expect.stringMatching(`^Its changes after event \\d+ of ${source} .*batch`) },
  ];
  const plan = await planOf(stage, 'bad');
  expect(plan).toMatchObject({ runnable: false, body: { watermark: { systems: [], missing } } });
  await expect(stage.operator.createRun(plan.id, plan.digest)).rejects.toMatchObject({ problem: { code: 'plan_conflicts' } });
  await expect(stage.operator.createRun(before.id, before.digest)).rejects.toMatchObject({ problem: { code: 'plan_stale' } });

  await stage.shop.owner.query('ALTER TABLE recant.batch_away RENAME TO batch');
  const holder = new pg.Client({ connectionString: stage.shop.ownerUrl });
  await holder.connect();
  await holder.query('BEGIN; LOCK TABLE recant.batch');
  const hasty = await stage.operator.createPlan({ selection: { agents: ['bad'] }, waitMs: 0 });
  expect(hasty.body.watermark?.missing).toMatchObject([{ kind: 'system', detail: expect.stringContaining('not drained within') }]);
  await holder.end();

  // Named by how far the ledger reached, not by why it reached no further.
  const accept = namesOf(hasty);
  expect(accept).toEqual(namesOf(plan));
  const again = await planOf(stage, 'bad');
  expect(again.body).toMatchObject({ steps: [{ step: 1 }, { step: 2 }] });
  expect(again.body.watermark).toMatchObject({ systems: ['shop'], missing: [] });

  // What a person accepts is what follows one event, not what the system lacks another time.
  await stage.shop.owner.query('ALTER TABLE recant.batch RENAME TO batch_away');
  const later = stage.withReason('known').createPlan({ selection: { agents: ['bad'] }, accept });
  await expect(later).rejects.toMatchObject({
    problem: { code: 'missing_unknown', detail: expect.stringMatching(/Missing now: system-/) },
  });
}, 120_000);

test('I7: a table that is new since connect and that the agent could write keeps a run from fully_restored, also once it is captured; other windows are not concerned', async () => {
  await using own = await createStage();
  await own.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: own.shop.ownerUrl } });
  const login = new URL(own.shop.agentUrl).username;
  const agent = await own.agent('maker');
  const connect = () => preparePostgres({ url: own.shop.ownerUrl, system: 'shop', agentRoles: [login] });
  const planOf = (window?: { from: string }) => own.operator.createPlan({ selection: { agents: ['maker'] }, ...(window && { window }) });
  await agent.sql('reprice', 'UPDATE orders SET price = 1 WHERE id = 1');
  await own.shop.owner.query('CREATE TABLE private (id int PRIMARY KEY)');
  expect((await planOf()).body.uncaptured, 'the agent may not write it').toBeUndefined();
  await own.shop.owner.query(`CREATE TABLE refunds (id int PRIMARY KEY, cents int); GRANT INSERT ON refunds TO ${login}`);
  await own.shop.pool.query('INSERT INTO refunds VALUES (1, 100)');
  const plan = await planOf();
  expect(plan.body.uncaptured).toEqual([{ system: 'shop', table: 'public.refunds', logins: [login], from: expect.any(String) }]);
  await connect();
  const after = await planOf();
  expect(after.body.uncaptured).toMatchObject([{ table: 'public.refunds', to: expect.any(String) }]);
  const { id } = await own.operator.createRun(after.id, after.digest);
  const run = await waitUntil(async () => {
    const view = await own.operator.run(id);
    return view.state === 'finished' ? view : undefined;
  });
  expect(run.account).toMatchObject({ outcomes: { restored: 1 }, verdict: 'restored_unverified', unverified: { capture_incomplete: 1 } });

  const ended = Date.parse(after.body.uncaptured?.[0]?.to ?? '');
  await agent.sql('reprice', 'UPDATE orders SET price = 2 WHERE id = 2');
  expect((await planOf({ from: new Date(ended + 1).toISOString() })).body.uncaptured).toBeUndefined();
  expect((await planOf()).body.uncaptured).toHaveLength(1);
});

test('I7: an attempt that also wrote a table left out at connect is never fully restored, one that did not is; by name and by login alike', async () => {
  await using own = await createStage();
  await own.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: own.shop.ownerUrl } });
  const login = new URL(own.shop.agentUrl).username;
  await own.shop.owner.query(`CREATE TABLE refunds (id int PRIMARY KEY, cents int); GRANT SELECT, INSERT, UPDATE ON refunds TO ${login}`);
  await preparePostgres({ url: own.shop.ownerUrl, system: 'shop', agentRoles: [login], tables: ['public.orders'] });
  const verdictOf = async (agents: string[]) => {
    const plan = await own.operator.createPlan({ selection: { agents } });
    expect(plan.body.uncaptured).toBeUndefined();
    const { id } = await own.operator.createRun(plan.id, plan.digest);
    return waitUntil(async () => {
      const { state, account } = await own.operator.run(id);
      return state === 'finished' ? [account.verdict, account.unverified, plan.body.steps[0]?.unknown] : undefined;
    });
  };
  const refund = (n: number) => `WITH a AS (INSERT INTO refunds VALUES (${n}, 100)) UPDATE orders SET price = ${n} WHERE id = ${n}`;
  const named = 'Changes without images, which cannot be undone: 1 in public.refunds.';
  await (await own.agent('clean')).sql('reprice', 'UPDATE orders SET price = 1 WHERE id = 1');
  expect(await verdictOf(['clean'])).toEqual(['fully_restored', {}, undefined]);
  await (await own.agent('refunder')).sql('refund', refund(2));
  expect(await verdictOf(['refunder'])).toEqual(['restored_unverified', { effects_unknown: 1 }, named]);
  await own.shop.pool.query(refund(3));
  expect(await verdictOf([login])).toEqual(['restored_unverified', { effects_unknown: 1 }, named]);
});

test('a column that is made derived later is left out of plans over what is recorded already, by the planner, the run and the target (U13)', async () => {
  await using own = await createStage({
    schema: `CREATE TABLE orders (id int PRIMARY KEY, state text, note text, changed timestamptz); INSERT INTO orders VALUES (1, 'open', '', '2026-01-01Z'), (2, 'open', '', '2026-01-01Z')`,
  });
  await own.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: own.shop.ownerUrl } });
  const agentRoles = [new URL(own.shop.agentUrl).username];
  const [bad, good] = [await own.agent('bad'), await own.agent('good')];
  await bad.sql('cancel', `UPDATE orders SET state = 'cancelled', changed = '2026-01-02Z'`);
  await good.sql('remark', `UPDATE orders SET note = 'hello', changed = '2026-01-03Z' WHERE id = 1`);
  const planOf = () => own.operator.createPlan({ selection: { agents: ['bad'] } });
  expect((await planOf()).body.conflicts).toMatchObject([{ kind: 'later_write', part: 'changed' }]);
  await preparePostgres({ url: own.shop.ownerUrl, system: 'shop', agentRoles, derived: ['public.orders.changed'] });
  const plan = await planOf();
  expect(plan.body).toMatchObject({ conflicts: [], derived: [{ scope: 'postgres://shop/public.orders/', parts: ['changed'] }] });
  const { id } = await own.operator.createRun(plan.id, plan.digest);
  const run = await waitUntil(async () => {
    const view = await own.operator.run(id);
    return view.state === 'finished' ? view : undefined;
  });
  expect(run.account).toMatchObject({ outcomes: { restored: 1 }, verdict: 'fully_restored' });
  expect((await own.shop.owner.query('SELECT state, note FROM orders ORDER BY id')).rows).toEqual([
    { state: 'open', note: 'hello' },
    { state: 'open', note: '' },
  ]);
});
