import { expect, test } from 'vitest';
import { codes, createStage, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, secret text); INSERT INTO items VALUES (1, 'a'), (2, 'b')`;

test('coverage names new, replaced and altered tables, and triggers that are missing, disabled or changed; connect repairs them', async () => {
  await using stage = await createStage(`${ITEMS}; CREATE TABLE other (id int PRIMARY KEY); CREATE TABLE left_out (id int)`, {
    prepare: false,
  });
  await stage.prepare({ tables: ['public.items', 'public.other'] });
  const target = await stage.open();
  const found = async () => (await target.coverage?.())?.map(({ code, scope }) => `${code} ${scope}`);
  expect(await found()).toEqual([]);
  for (const [sql, expected] of [
    ['CREATE TABLE fresh (id int PRIMARY KEY)', 'table_uncovered postgres://shop/public.fresh/'],
    ['ALTER TABLE items DISABLE TRIGGER zz_recant_2_row', 'trigger_disabled postgres://shop/public.items/'],
    ['ALTER TABLE items ENABLE TRIGGER zz_recant_2_row', 'trigger_disabled postgres://shop/public.items/'],
    ['DROP TRIGGER zz_recant_1_truncate ON items', 'trigger_missing postgres://shop/public.items/'],
    [
      `DROP TRIGGER zz_recant_2_row ON items;
       CREATE TRIGGER zz_recant_2_row AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION recant.capture_row(); ALTER TABLE items ENABLE ALWAYS TRIGGER zz_recant_2_row`,
      'trigger_changed postgres://shop/public.items/',
    ],
    ['ALTER TABLE items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (id, secret)', 'table_altered postgres://shop/public.items/'],
    ['DROP TABLE other; CREATE TABLE other (id int PRIMARY KEY)', 'table_replaced postgres://shop/public.other/'],
  ] as const) {
    await stage.owner.query(sql);
    expect(await found(), sql).toEqual([expected]);
    await stage.prepare();
    expect(await found(), sql).toEqual([]);
  }
  await stage.owner.query('DROP TABLE other');
  expect(await found()).toEqual(['table_dropped postgres://shop/public.other/']);
});

test('I5: nothing is undone on a table whose trigger was off, even after connect has repaired it, until a person accepts that', async () => {
  await using stage = await createStage(`${ITEMS}; CREATE TABLE other (id int PRIMARY KEY, n int); INSERT INTO other VALUES (1, 1)`);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x' WHERE id = 1`));
  const fine = await stage.play(0, (tx) => tx.query('UPDATE other SET n = 2'));
  const target = await stage.open();
  await stage.owner.query('ALTER TABLE items DISABLE TRIGGER zz_recant_2_row');
  // An equal value, which nothing but a trigger can see.
  await stage.owner.query(`UPDATE items SET secret = 'y' WHERE id = 1; UPDATE items SET secret = 'x' WHERE id = 1`);
  const [rehearsed] = await target.rehearse([{ step: 1, undoes: bad.ref, effects: bad.effects, knownOrdinals: {} }]);
  expect(codes(rehearsed)).toEqual(['capture_incomplete']);
  await stage.prepare();
  expect(await target.coverage?.()).toMatchObject([{ code: 'coverage_lost', scope: 'postgres://shop/public.items/' }]);
  expect(codes(await undoOne(target, bad))).toEqual(['capture_incomplete']);
  expect((await undoOne(target, fine)).outcome).toBe('restored');
  expect(await target.acceptIncomplete?.('', 'person:ann', 'checked')).toHaveLength(1);
  expect((await undoOne(target, bad)).outcome).toBe('restored');

  const later = await stage.play(0, (tx) => tx.query('UPDATE other SET n = 3'));
  await stage.owner.query(
    `CREATE OR REPLACE FUNCTION recant.key_hash(p_key text[]) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT 7::bigint $$`,
  );
  expect(codes(await undoOne(target, later))).toEqual(['capture_incomplete']);
  await stage.prepare();
  expect(codes(await undoOne(target, later))).toEqual(['capture_incomplete']);
  expect(await target.acceptIncomplete?.('postgres://shop/public.other/', 'person:ann', 'checked')).toHaveLength(1);
  expect((await undoOne(target, later)).outcome).toBe('restored');
});

test('a table that its owner drops and creates again is named, and an attempt on the old one is a conflict', async () => {
  await using stage = await createStage(ITEMS);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x'`));
  await stage.owner.query(`DROP TABLE items; ${ITEMS}`);
  const target = await stage.open();
  expect(await target.coverage?.()).toMatchObject([{ code: 'table_replaced', detail: expect.stringContaining('cannot be undone') }]);
  expect((await undoOne(target, bad)).outcome).toBe('conflicted');
  expect((await stage.owner.query('SELECT secret FROM items ORDER BY id')).rows).toEqual([{ secret: 'a' }, { secret: 'b' }]);
});

test('TRUNCATE is refused or named on every level of a partition tree, also for a partition that was attached after connect', async () => {
  await using stage = await createStage(
    `CREATE TABLE p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
     CREATE TABLE p1a PARTITION OF p1 FOR VALUES FROM (0) TO (50); INSERT INTO p VALUES (1, 1)`,
    { prepare: false },
  );
  await stage.owner.query(`GRANT TRUNCATE ON p, p1, p1a TO ${stage.agents[0]}`);
  expect((await stage.prepare()).truncateRights).toMatchObject([{ tables: ['public.p', 'public.p1', 'public.p1a'] }]);
  const agent = stage.pools[0];
  for (const name of ['p', 'p1', 'p1a'])
    await expect(agent?.query(`TRUNCATE ${name}`), name).rejects.toThrow(/TRUNCATE by an agent's login/);
  await stage.owner.query('CREATE TABLE late (id int NOT NULL, n int); ALTER TABLE p ATTACH PARTITION late FOR VALUES FROM (100) TO (200)');
  await expect(agent?.query('TRUNCATE late')).rejects.toThrow(/permission denied/);
  const target = await stage.open();
  expect(await target.coverage?.()).toMatchObject([
    { code: 'trigger_missing', scope: 'postgres://shop/public.p/', detail: expect.stringMatching(/TRUNCATE of .*late/) },
  ]);
  const written = await stage.play(1, async (tx) => {
    await stage.owner.query(`GRANT ALL ON late TO ${stage.agents.join(', ')}`);
    await tx.query('INSERT INTO p VALUES (150, 1)');
  });
  const uncaptured = async () =>
    (await target.uncaptured?.({ agents: [stage.agents[1] as string], sources: [] }))?.map(({ table, to }) => [table, to === undefined]);
  expect(await uncaptured(), 'nothing was truncated yet').toEqual([]);
  await stage.play(1, (tx) => tx.query('TRUNCATE late'));
  expect(await uncaptured()).toEqual([['public.late', true]]);
  const early = await stage.play(1, (tx) => tx.query('UPDATE p SET n = 2'));
  expect(codes(await undoOne(target, early))).toEqual(['capture_incomplete']);
  await stage.prepare();
  expect(await uncaptured(), 'what was truncated stays unknown').toEqual([['public.late', false]]);
  expect(await target.coverage?.()).toMatchObject([{ code: 'coverage_lost' }]);
  await target.acceptIncomplete?.('', 'person:ann', 'checked');
  await stage.owner.query('INSERT INTO late VALUES (150, 1)');
  await expect(agent?.query('TRUNCATE late')).rejects.toThrow(/TRUNCATE by an agent's login/);
  expect(codes(await undoOne(target, written))).toContain('later_write');
  expect((await undoOne(target, early)).outcome).toBe('restored');
});
