import { expect, test } from 'vitest';
import { unpreparePostgres } from '../src/index.ts';
import { createStage, type Stage, undoOne } from './stage.ts';

const SCHEMA = `CREATE TABLE items (id int PRIMARY KEY, n int); INSERT INTO items VALUES (1, 0), (2, 0);
  CREATE TABLE notes (id int PRIMARY KEY REFERENCES items ON DELETE CASCADE, n int); INSERT INTO notes VALUES (1, 0);
  CREATE TABLE parts (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9); INSERT INTO parts VALUES (1, 0);
  CREATE TABLE loose (id int PRIMARY KEY, n int);
  CREATE TABLE parent (id int PRIMARY KEY, n int); CREATE TABLE child () INHERITS (parent); INSERT INTO child VALUES (1, 0)`;
const CHOSEN = { tables: ['public.items'] };

/** What the drain will say of attempts beside their effects. */
async function countedIn(stage: Stage): Promise<string[]> {
  await stage.owner.query('SELECT recant.absorb()');
  const { rows } = await stage.owner.query<{ counted: string }>(
    `SELECT DISTINCT (c ->> 'table') || ' ' || (c ->> 'changes') || ' ' || (c ->> 'unknown') AS counted
     FROM recant.undrained u, jsonb_array_elements(recant.counted(u)) c WHERE u.attempt IS NOT NULL ORDER BY 1`,
  );
  await stage.owner.query('TRUNCATE recant.undrained');
  return rows.map(({ counted }) => counted);
}

test('I7: what an agent changes in a table that was left out is counted as an unknown change of its attempt, however it reaches the table', async () => {
  await using stage = await createStage(SCHEMA, { prepare: false });
  await stage.prepare(CHOSEN);
  await stage.owner.query(`CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (19); ALTER TABLE parts ATTACH PARTITION loose FOR VALUES FROM (20) TO (29);
    GRANT TRUNCATE ON notes TO ${stage.agents.join(', ')}; GRANT INSERT ON parts_2 TO ${stage.agents.join(', ')}`);
  for (const [sql, counted] of [
    ['UPDATE items SET n = 1 WHERE id = 1', []],
    ['UPDATE notes SET n = 1', ['notes 1 true']],
    ['UPDATE notes SET n = 1 WHERE false', []],
    ['UPDATE notes SET n = 1 WHERE id = 1; INSERT INTO notes VALUES (2, 0)', ['notes 2 true']],
    ['DELETE FROM items WHERE id = 2', ['notes 1 true']],
    ['UPDATE parts SET n = 1', ['parts 1 true']],
    ['UPDATE parts_1 SET n = 2', ['parts 1 true']],
    ['INSERT INTO parts VALUES (11, 0)', ['parts 1 true']],
    ['INSERT INTO parts_2 VALUES (12, 0)', ['parts 1 true']],
    ['INSERT INTO parts VALUES (21, 0)', ['loose 2 true']],
    ['UPDATE parent SET n = 1', ['child 1 true']],
    ['UPDATE child SET n = 2', ['child 1 true']],
    ['TRUNCATE notes', ['notes 1 true']],
    ['SAVEPOINT s; INSERT INTO notes VALUES (1, 0); ROLLBACK TO s', []],
  ] as const) {
    await stage.play(0, (tx) => tx.query(sql));
    expect(await countedIn(stage), sql).toEqual(counted);
  }
  await stage.pools[0]?.query('UPDATE parts SET n = 9');
  expect(await countedIn(stage), 'without a name').toEqual(['loose 2 true', 'parts 3 true']);
  await stage.owner.query('UPDATE notes SET n = 10; UPDATE parts SET n = 10');
  expect((await stage.owner.query('SELECT FROM recant.capture')).rowCount, 'a person').toBe(0);
});

test('a table that was left out and is captured later needs no acceptance, one that was captured before and left out for a time does; disconnect takes the mark away', async () => {
  await using stage = await createStage(SCHEMA, { prepare: false });
  await stage.prepare(CHOSEN);
  await stage.play(0, (tx) => tx.query('UPDATE notes SET n = 1'));
  await stage.prepare();
  const target = await stage.open();
  expect(await target.coverage?.()).toEqual([]);
  const captured = await stage.play(0, (tx) => tx.query('UPDATE notes SET n = 2'));
  expect((await undoOne(target, captured)).outcome).toBe('restored');
  await stage.play(0, (tx) => tx.query('UPDATE notes SET n = 3'));
  await stage.prepare(CHOSEN);
  await stage.play(0, (tx) => tx.query('UPDATE notes SET n = 4'));
  expect(await countedIn(stage)).toEqual(['notes 1 true']);
  await stage.prepare();
  expect(await target.coverage?.()).toMatchObject([{ code: 'coverage_lost', scope: 'postgres://shop/public.notes/' }]);
  await stage.prepare(CHOSEN);
  await unpreparePostgres({ url: stage.ownerUrl, discard: true });
  expect((await stage.owner.query(`SELECT FROM pg_trigger WHERE NOT tgisinternal`)).rowCount).toBe(0);
});

test('I7: where the owner cannot mark a table that an agent may write, plans name it', async () => {
  await using stage = await createStage(SCHEMA, { prepare: false });
  const [agent = ''] = stage.agents;
  await stage.prepare(CHOSEN);
  const target = await stage.open();
  const uncaptured = async () =>
    (await target.uncaptured?.({ agents: [agent], sources: [] }))?.map(({ table, to }) => [table, to !== undefined]);
  expect(await uncaptured()).toEqual([]);
  await stage.owner.query('ALTER TABLE notes DISABLE TRIGGER zz_recant_0_mark_row');
  expect(await uncaptured()).toEqual([['public.notes', false]]);
  await stage.prepare(CHOSEN);
  expect(await uncaptured()).toEqual([['public.notes', true]]);
});
