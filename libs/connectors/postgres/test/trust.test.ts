import { ConnectorError } from '@recant/connector';
import { expect, test } from 'vitest';
import { postgresConnector, postgresSystem, unpreparePostgres } from '../src/index.ts';
import { codes, createStage, nextAction, SYSTEM, undo, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, secret text); INSERT INTO items VALUES (1, 'a'), (2, 'b')`;

test("an agent's login reads no image and no key, and writes nothing of the capture", async () => {
  await using stage = await createStage(ITEMS);
  await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'`));
  const agent = stage.pools[0];
  const { rows: tables } = await stage.owner.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c WHERE relnamespace = 'recant'::regnamespace AND relkind IN ('r', 'v', 'S')`,
  );
  expect(tables.length).toBeGreaterThan(10);
  for (const { name } of tables) await expect(agent?.query(`SELECT * FROM ${name}`), name).rejects.toThrow(/permission denied/);
  for (const name of ['change', 'agent', 'attempt', 'transaction', 'applied']) {
    await expect(agent?.query(`DELETE FROM recant.${name}`)).rejects.toThrow(/permission denied/);
  }
  const { rows: functions } = await stage.owner.query<{ name: string }>(
    `SELECT p.proname AS name FROM pg_proc p WHERE pronamespace = 'recant'::regnamespace AND has_function_privilege('${stage.agents[0]}', p.oid, 'EXECUTE') ORDER BY 1`,
  );
  expect(functions.map(({ name }) => name)).toEqual(['name_attempt', 'open_attempt', 'settle_attempt']);
});

test("an agent's login cannot disable the capture", async () => {
  await using stage = await createStage(ITEMS);
  const agent = stage.pools[0];
  for (const sql of [
    'ALTER TABLE items DISABLE TRIGGER ALL',
    'DROP TRIGGER zz_recant_2_row ON items',
    "SET session_replication_role = 'replica'",
    'DROP FUNCTION recant.capture_row() CASCADE',
    'CREATE FUNCTION recant.x() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    `SET ROLE ${(await stage.owner.query('SELECT current_user AS name')).rows[0].name}`,
  ]) {
    await expect(agent?.query(sql), sql).rejects.toThrow(/permission denied|must be owner/);
  }
});

test('even a superuser in replica mode is captured', async () => {
  await using stage = await createStage(ITEMS);
  await stage.owner.query('BEGIN; COMMIT');
  const admin = new (await import('pg')).default.Client({ connectionString: stage.superUrl });
  await admin.connect();
  await admin.query(`SET session_replication_role = 'replica'; UPDATE items SET secret = 'c' WHERE id = 1`);
  await admin.end();
  await stage.owner.query('SELECT recant.absorb()');
  const { rows } = await stage.owner.query('SELECT operation, key FROM recant.change');
  expect(rows).toEqual([{ operation: 'u', key: ['1'] }]);
});

test('an attempt belongs to its login: no other login can name it, continue its source or settle it', async () => {
  await using stage = await createStage(ITEMS);
  const { ref } = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'`));
  const intruder = stage.pools[1];
  const values = [ref.source, ref.action, 1];
  await expect(intruder?.query('SELECT recant.open_attempt($1, $2, $3)', values)).rejects.toMatchObject({ code: '42501' });
  await expect(intruder?.query('SELECT recant.open_attempt($1, $2, $3)', [ref.source, nextAction(), 1])).rejects.toMatchObject({
    code: '42501',
  });
  await expect(intruder?.query('SELECT recant.name_attempt($1, $2, $3)', values)).rejects.toMatchObject({ code: '42501' });
  await expect(intruder?.query('SELECT recant.settle_attempt($1, $2, $3)', values)).rejects.toMatchObject({ code: '42501' });
});

test('the name of a transaction cannot be changed by SQL, and is set once', async () => {
  await using stage = await createStage(ITEMS);
  const other = await stage.play(1, (tx) => tx.query('SELECT 1'));
  const played = await stage.play(0, async (tx) => {
    await tx.query(
      `SET LOCAL recant.attempt = '1'; SELECT set_config('recant.shape_' || 'items'::regclass::oid, '9', true); SET LOCAL search_path = pg_temp, public`,
    );
    await tx.query('CREATE TEMP TABLE transaction (xid xid8, attempt bigint); CREATE TEMP TABLE change (ordinal bigint)');
    await tx.query('SAVEPOINT s');
    await expect(tx.query('SELECT recant.name_attempt($1, $2, $3)', [other.ref.source, other.ref.action, 1])).rejects.toThrow(
      /belongs to another login/,
    );
    await tx.query(`ROLLBACK TO s; SET LOCAL role = none; UPDATE items SET secret = 'mine'`);
  });
  expect(played.effects).toHaveLength(2);
  expect(other.effects).toEqual([]);
});

test('a login registered with a prefix names no source outside it; an unregistered login names none', async () => {
  await using stage = await createStage(ITEMS);
  const [first = '', second = ''] = stage.agents;
  await stage.prepare({ agentRoles: [{ role: first, sourcePrefix: 'recant://pricing/' }] });
  const capture = (agent: number, source: string) =>
    postgresSystem({ name: SYSTEM, pool: stage.pools[agent] as never }).capture({ source, action: nextAction(), attempt: 1 }, []);
  await expect(capture(0, 'recant://pricing/1')).resolves.toBeDefined();
  await expect(capture(0, 'recant://other/1')).rejects.toMatchObject({ code: 'capture_refused' });
  await expect(capture(1, 'recant://pricing/2'), second).rejects.toMatchObject({ code: 'capture_refused' });
});

test('a transaction number of another cluster from before a restore names no attempt', async () => {
  await using stage = await createStage(ITEMS);
  await stage.play(0, (tx) => tx.query('SELECT 1'));
  await stage.owner.query(
    `UPDATE recant.system SET cluster = 1; UPDATE recant.attempt SET login = session_user;
     INSERT INTO recant.transaction SELECT (pg_current_xact_id()::text::bigint + n)::text::xid8, 1 FROM generate_series(1, 200) n`,
  );
  await stage.owner.query(`UPDATE items SET secret = 'restored'`);
  await stage.owner.query('SELECT recant.absorb()');
  expect((await stage.owner.query('SELECT DISTINCT attempt FROM recant.change')).rows).toEqual([{ attempt: null }]);
  const { effects } = await stage.play(1, (tx) => tx.query(`UPDATE items SET secret = 'named'`));
  expect(effects).toHaveLength(2);
});

test('writes without an attempt are captured without images, and conflict with an undo', async () => {
  await using stage = await createStage(ITEMS);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x' WHERE id = 1`));
  await stage.owner.query(`UPDATE items SET secret = 'y' WHERE id = 1; UPDATE items SET secret = 'x' WHERE id = 1; SELECT recant.absorb()`);
  const { rows } = await stage.owner.query('SELECT old, new, written, attempt FROM recant.change ORDER BY ordinal DESC LIMIT 1');
  expect(rows).toEqual([{ old: null, new: null, written: [2], attempt: null }]);
  // Not in the ledger, so the plan's known ordinal does not cover it either.
  const later = await stage.play(0, (tx) => tx.query(`UPDATE items SET id = id WHERE id = 1`));
  expect(codes(await undoOne(await stage.open(), bad, { knowsToo: [later] }))).toEqual(['later_write']);
});

test('an attempt whose effects are recorded in part, twice or under a foreign name is refused completely', async () => {
  await using stage = await createStage(ITEMS);
  const [one, two] = [
    await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'`)),
    await stage.play(1, (tx) => tx.query('SELECT 1')),
  ];
  const target = await stage.open();
  const [first] = one.effects;
  for (const [effects, ref] of [
    [one.effects.slice(1), one.ref],
    [one.effects, two.ref],
    [one.effects.map((effect) => ({ ...effect, resource: effect.resource.replace(/.$/, (id) => (id === '1' ? '2' : '1')) })), one.ref],
    [[{ ...first, resource: 'postgres://shop/public.items%22%3B--/1' }, ...one.effects.slice(1)], one.ref],
    [[{ ...first, compensation: { connector: 'postgres', images: [`change/1; DROP TABLE items`] } }, ...one.effects.slice(1)], one.ref],
    [[{ ...first, parts: { ...first?.parts, 'secret = secret; --': { before: null, after: null } } }, ...one.effects.slice(1)], one.ref],
  ] as const) {
    const [result] = await target.invert(undo([{ ref, effects: effects as typeof one.effects }]));
    expect(result).toMatchObject({ outcome: 'conflicted', effects: [] });
  }
  expect((await stage.owner.query('SELECT secret FROM items')).rows).toEqual([{ secret: 'x' }, { secret: 'x' }]);
  expect((await undoOne(target, one)).outcome).toBe('restored');
});

test('if a policy may hide rows, nothing is reported as absent', async () => {
  await using stage = await createStage(ITEMS);
  const bad = await stage.play(0, (tx) => tx.query('DELETE FROM items WHERE id = 1'));
  await stage.owner.query('ALTER TABLE items ENABLE ROW LEVEL SECURITY; ALTER TABLE items FORCE ROW LEVEL SECURITY');
  const target = await stage.open();
  const [probed] = await target.probe([{ resource: 'postgres://shop/public.items/1', part: 'exists' }]);
  expect(probed).toMatchObject({ kind: 'unreadable' });
  expect(codes(await undoOne(target, bad))).toEqual(['unreadable']);
  await stage.owner.query('ALTER TABLE items NO FORCE ROW LEVEL SECURITY');
  expect(await target.probe([{ resource: 'postgres://shop/public.items/1', part: 'exists' }])).toMatchObject([{ version: null }]);
  expect((await undoOne(target, bad)).outcome).toBe('restored');
});

test('ways to bypass the capture are listed, and only a database prepared under this name is opened', async () => {
  await using stage = await createStage(`${ITEMS}; CREATE TABLE loose (a int)`, { prepare: false });
  const open = (name: string, url: unknown = stage.ownerUrl) => postgresConnector.open({ name, connector: 'postgres', options: { url } });
  await expect(open(SYSTEM)).rejects.toMatchObject({ code: 'not_prepared' });
  const clean = await stage.prepare();
  expect(clean).toMatchObject({
    skipped: [],
    limited: [{ table: 'public.loose', reason: expect.stringContaining('no primary key') }],
    waysRound: [],
  });
  await stage.owner.query(`GRANT TRIGGER ON items TO ${stage.agents[0]}; ALTER TABLE items OWNER TO CURRENT_USER`);
  expect((await stage.prepare()).waysRound).toEqual([expect.stringContaining('may create triggers on')]);
  await expect(open('other')).rejects.toMatchObject({ code: 'not_prepared' });
  await expect(open(SYSTEM, 'http://x')).rejects.toMatchObject({ code: 'options_invalid' });
  await expect(stage.prepare({ system: 'other' })).rejects.toThrow(ConnectorError);
  await expect(stage.prepare({ tables: ['public.none'] })).rejects.toThrow(/no such table/);
  await expect(stage.prepare({ agentRoles: ['nobody_here'] })).rejects.toMatchObject({ code: 'options_invalid' });
  const asAgent = new URL(stage.ownerUrl);
  asAgent.username = asAgent.password = stage.agents[0] ?? '';
  await expect(stage.prepare({ url: asAgent.href })).rejects.toMatchObject({ code: 'permission_denied' });
  const at = (changes: Partial<URL>) => stage.prepare({ url: Object.assign(new URL(stage.ownerUrl), changes).href });
  await expect(at({ password: 'wrong' })).rejects.toThrow(/refused the login: password authentication failed/);
  await expect(at({ pathname: '/no_such_database' })).rejects.toThrow(/"no_such_database" does not exist/);
  await expect(at({ port: '1' })).rejects.toThrow(/unreachable: .*ECONNREFUSED/);
  const [one, two] = [await open(SYSTEM), await open(SYSTEM)];
  expect(await one.identity()).toBe(await two.identity());
  await Promise.all([one.close(), two.close()]);
  await unpreparePostgres({ url: stage.ownerUrl });
  await expect(open(SYSTEM)).rejects.toMatchObject({ code: 'not_prepared' });
  await stage.owner.query(`UPDATE items SET secret = 'free'`);
});
