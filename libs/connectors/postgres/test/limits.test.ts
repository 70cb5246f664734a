import pg from 'pg';
import { expect, test } from 'vitest';
import { codes, createStage, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, n int); INSERT INTO items SELECT g, 0 FROM generate_series(1, 2000) g;
  CREATE TABLE others (id int PRIMARY KEY, n int); INSERT INTO others VALUES (1, 0)`;
/** Some hundred rows. */
const SMALL = { agentsBytes: 65_536, everyoneBytes: 131_072 };
/** Every row is captured, and the queue is over the limit afterwards. */
const FILL = 'UPDATE items SET n = n + 1';

test("I15: at the first limit agents' writes are refused with a reason, a person's are captured; the drain lifts it", async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  await stage.prepare({ queue: { ...SMALL, everyoneBytes: 2 ** 40 } });
  await stage.owner.query(FILL);
  const agent = stage.pools[0];
  await expect(agent?.query('UPDATE items SET n = 7 WHERE id = 1')).rejects.toMatchObject({
    code: '53400',
    message: expect.stringContaining('queue of captured changes is full'),
  });
  await stage.owner.query('UPDATE others SET n = 1');
  const target = await stage.open();
  expect(await target.coverage?.()).toMatchObject([
    { code: 'coverage_lost', detail: expect.stringContaining("agents' writes are refused") },
  ]);
  expect(await target.drain?.isIdle(Date.now())).toBe(false);
  await stage.owner.query('SELECT recant.absorb()');
  expect((await stage.owner.query('SELECT count(*)::int FROM recant.change')).rows).toEqual([{ count: 2_001 }]);
  await agent?.query('UPDATE items SET n = 7 WHERE id = 1');
  expect(await target.coverage?.()).toEqual([]);
});

test('I15: at the second limit the writes of others succeed, and the hole is named, by table and transactions, until a person accepts it', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  await stage.prepare({ queue: SMALL });
  const bad = await stage.play(0, (tx) => tx.query('UPDATE items SET n = 99 WHERE id = 1'));
  const elsewhere = await stage.play(0, (tx) => tx.query('UPDATE others SET n = 99'));
  await stage.owner.query(FILL.replace('n + 1', 'n + 1 WHERE id > 1'));
  await stage.owner.query('BEGIN; UPDATE items SET n = 100 WHERE id = 1; UPDATE items SET n = 99 WHERE id = 1; COMMIT');
  await expect(stage.pools[0]?.query('DELETE FROM items')).rejects.toMatchObject({ code: '53400' });
  const target = await stage.open();
  expect((await target.coverage?.())?.map(({ code, scope }) => [code, scope])).toEqual([['coverage_lost', 'postgres://shop/']]);

  // The equal value is not what the attempt left: nobody knows.
  const [rehearsed] = await target.rehearse([{ step: 1, undoes: bad.ref, effects: bad.effects, knownOrdinals: {} }]);
  expect(codes(rehearsed)).toEqual(['capture_incomplete']);
  const refused = await undoOne(target, bad);
  expect(refused).toMatchObject({
    outcome: 'conflicted',
    findings: [
      { code: 'capture_incomplete', detail: expect.stringMatching(/Changes by 2 transactions of owner_\w+ between .* public\.items/) },
    ],
  });
  expect((await undoOne(target, elsewhere)).outcome).toBe('restored');
  expect(await target.coverage?.()).toMatchObject([{ code: 'coverage_lost', scope: 'postgres://shop/public.items/' }]);
  const after = await stage.play(1, (tx) => tx.query('UPDATE items SET n = 5 WHERE id = 2'));
  expect((await undoOne(target, after)).outcome).toBe('restored');

  expect(await target.acceptIncomplete?.('postgres://shop/public.others/', 'person:ann', 'checked')).toEqual([]);
  expect(await target.acceptIncomplete?.('postgres://shop/public.items/', 'person:ann', 'checked')).toHaveLength(1);
  expect(await target.coverage?.()).toEqual([]);
  expect(await undoOne(target, bad)).toMatchObject({
    outcome: 'restored',
    findings: [{ code: 'capture_incomplete', detail: expect.stringContaining('accepted by person:ann') }],
  });
  expect((await stage.owner.query('SELECT n FROM items WHERE id = 1')).rows).toEqual([{ n: 0 }]);
});

test('an undo is captured at any limit; a transaction that rolled back leaves no hole and no limit behind', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  await stage.prepare({ queue: SMALL });
  const bad = await stage.play(0, (tx) => tx.query('UPDATE others SET n = 99'));
  const full = new pg.Client({ connectionString: stage.ownerUrl });
  await full.connect();
  await full.query(`BEGIN; ${FILL}; UPDATE items SET n = 1 WHERE id = 1`);
  const target = await stage.open();
  // The open transaction's rows stay in the queue, so that it is still at its limit.
  const undone = await undoOne(target, bad);
  expect(undone).toMatchObject({ outcome: 'restored', findings: [] });
  expect(undone.effects).toHaveLength(1);
  await full.query('ROLLBACK');
  await full.end();
  await stage.owner.query('SELECT recant.absorb()');
  expect(await target.coverage?.()).toEqual([]);
  await stage.pools[0]?.query('UPDATE others SET n = 2');
});

test('holes too many to be listed concern every table; limits that make no sense are refused', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  await stage.prepare({ queue: SMALL });
  const bad = await stage.play(0, (tx) => tx.query('UPDATE others SET n = 99'));
  await stage.owner.query(`SELECT setval('recant.queue_level', 4); UPDATE items SET n = 3; SELECT recant.absorb()`);
  const target = await stage.open();
  expect((await target.coverage?.())?.map(({ scope }) => scope)).toEqual([
    'postgres://shop/public.items/',
    'postgres://shop/public.others/',
  ]);
  expect(codes(await undoOne(target, bad))).toEqual(['capture_incomplete']);
  expect(await target.acceptIncomplete?.('', 'person:ann', 'checked')).toHaveLength(2);
  expect((await undoOne(target, bad)).outcome).toBe('restored');
  await expect(stage.prepare({ queue: { agentsBytes: 10, everyoneBytes: 5 } })).rejects.toMatchObject({ code: 'options_invalid' });
});
