import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresSystem } from '../src/index.ts';
import { drained } from './drained.ts';
import { codes, createStage, nextAction, type Played, rowsOf, type Stage, SYSTEM, undo, undoOne } from './stage.ts';

const ORDERS = `CREATE TABLE orders (id int PRIMARY KEY, state text, n int, note text); INSERT INTO orders VALUES (1, 'new', 0, ''), (2, 'new', 0, '')`;

async function stateOf(stage: Stage, id: number): Promise<unknown> {
  return (await stage.owner.query('SELECT state, n, note FROM orders WHERE id = $1', [id])).rows[0];
}

/** One attempt of several transactions, with what `between` does after each but the last. */
async function playParts(stage: Stage, statements: readonly string[], between: () => Promise<unknown>) {
  const ref = { source: 'recant://agent0/parts', action: nextAction(), attempt: 1 };
  const capture = await postgresSystem({ name: SYSTEM, pool: stage.pools[0] as never }).capture(ref, []);
  for (const [index, statement] of statements.entries()) {
    await capture.handle.transaction((tx) => tx.query(statement));
    if (index < statements.length - 1) await between();
  }
  for await (const _ of capture.settle()) expect.unreachable();
  return { ref, effects: await drained(stage.owner, SYSTEM, ref) };
}

test('I5: a write by a person between two transactions of an attempt is in its way, equal or closing the chain of values', async () => {
  await using stage = await createStage(ORDERS);
  const equal = await playParts(
    stage,
    [`UPDATE orders SET state = 'closed' WHERE id = 1`, `UPDATE orders SET state = 'closed!' WHERE id = 1`],
    () => stage.owner.query(`UPDATE orders SET state = 'closed' WHERE id = 1`),
  );
  const chained = await playParts(stage, ['UPDATE orders SET n = 2 WHERE id = 2', 'UPDATE orders SET n = 4 WHERE id = 2'], () =>
    stage.owner.query('UPDATE orders SET n = 3 WHERE id = 2; UPDATE orders SET n = 2 WHERE id = 2'),
  );
  const target = await stage.open();
  for (const attempt of [equal, chained]) expect(codes(await undoOne(target, attempt))).toEqual(['later_write']);
  expect(await stateOf(stage, 1)).toEqual({ state: 'closed!', n: 0, note: '' });
  expect(await stateOf(stage, 2)).toEqual({ state: 'new', n: 4, note: '' });
});

test('I5: an equal write below the last known change is in the way, though neither plan nor ledger knows its writer', async () => {
  await using stage = await createStage(ORDERS, { agents: 3 });
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE orders SET state = 'cancelled' WHERE id = 1`));
  await stage.play(1, (tx) => tx.query(`UPDATE orders SET state = 'cancelled' WHERE id = 1`));
  const later = await stage.play(2, (tx) => tx.query(`UPDATE orders SET note = 'seen' WHERE id = 1`));
  const target = await stage.open();
  for (const knowsToo of [[], [later]]) expect(codes(await undoOne(target, bad, { knowsToo }))).toEqual(['later_write']);
  expect(await stateOf(stage, 1)).toEqual({ state: 'cancelled', n: 0, note: 'seen' });
});

test('a row that somebody gave another key is not called undone, neither is one whose key got another text', async () => {
  await using stage = await createStage(`CREATE TABLE prices (id numeric PRIMARY KEY, price int)`);
  const made = await stage.play(0, (tx) => tx.query('INSERT INTO prices VALUES (2.0, 10)'));
  const moved = await stage.play(0, (tx) => tx.query('INSERT INTO prices VALUES (5, 10)'));
  await stage.owner.query('UPDATE prices SET id = 2.00 WHERE id = 2; UPDATE prices SET id = 6 WHERE id = 5');
  const target = await stage.open();
  const results = [await undoOne(target, made), await undoOne(target, moved)];
  expect(results.map(({ outcome }) => outcome)).toEqual(['conflicted', 'conflicted']);
  expect((await stage.owner.query('SELECT id::text FROM prices ORDER BY id')).rows).toEqual([{ id: '2.00' }, { id: '6' }]);
});

test('upserts, MERGE, savepoints and key changes in one attempt come back byte for byte', async () => {
  await using stage = await createStage(`CREATE TABLE n (id numeric PRIMARY KEY, v text); INSERT INTO n VALUES (1.0, 'one'), (2, 'two')`);
  const before = await rowsOf(stage.owner, 'n');
  const target = await stage.open();
  for (const statements of [
    [`INSERT INTO n VALUES (2, 'x'), (3, 'y') ON CONFLICT (id) DO UPDATE SET v = excluded.v`],
    [
      `MERGE INTO n USING (VALUES (1, 'm'), (9, 'n')) s(id, v) ON n.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v)`,
    ],
    [
      'SAVEPOINT a',
      'DELETE FROM n WHERE id = 2',
      'ROLLBACK TO a',
      `UPDATE n SET v = 'b' WHERE id = 2`,
      `UPDATE n SET v = 'c' WHERE id = 2`,
    ],
    ['UPDATE n SET id = 1.000 WHERE id = 1', `UPDATE n SET v = 'uno' WHERE id = 1`, 'UPDATE n SET id = 7 WHERE id = 1'],
  ]) {
    const played = await stage.play(0, async (tx) => {
      for (const statement of statements) await tx.query(statement);
    });
    expect(await undoOne(target, played), statements.join('; ')).toMatchObject({ outcome: 'restored', findings: [] });
    expect(await rowsOf(stage.owner, 'n'), statements.join('; ')).toEqual(before);
  }
});

test('one attempt that a dropped column prevents takes no other of its batch along; a deleted row comes back without that column', async () => {
  await using stage = await createStage(ORDERS);
  const changed = await stage.play(0, (tx) => tx.query('UPDATE orders SET n = 9 WHERE id = 1'));
  const noted = await stage.play(0, (tx) => tx.query(`UPDATE orders SET note = 'x' WHERE id = 1`));
  const removed = await stage.play(0, (tx) => tx.query('DELETE FROM orders WHERE id = 2'));
  await stage.owner.query('ALTER TABLE orders DROP COLUMN note');
  await stage.prepare();
  const results = await (await stage.open()).invert(undo([removed, noted, changed]));
  expect(results.map(({ outcome, findings }) => [outcome, findings.map(({ detail }) => detail)])).toEqual([
    ['restored', []],
    ['conflicted', ['Column note no longer exists.']],
    ['restored', []],
  ]);
  expect((await stage.owner.query('SELECT * FROM orders ORDER BY id')).rows).toEqual([
    { id: 1, state: 'new', n: 0 },
    { id: 2, state: 'new', n: 0 },
  ]);
});

test('a generated column in the key identifies rows like any other', async () => {
  await using stage =
    await createStage(`CREATE TABLE slots (day int, hour int, slot int GENERATED ALWAYS AS (day * 100 + hour) STORED, who text, PRIMARY KEY (slot));
    INSERT INTO slots (day, hour, who) SELECT d, h, 'free' FROM generate_series(1, 3) d, generate_series(1, 3) h`);
  const before = await rowsOf(stage.owner, 'slots');
  const target = await stage.open();
  const booked = await stage.play(0, (tx) => tx.query(`UPDATE slots SET who = 'bob' WHERE hour = 2`));
  expect(new Set(booked.effects.map(({ resource }) => resource)).size).toBe(3);
  const moved = await stage.play(0, (tx) => tx.query('UPDATE slots SET day = 9 WHERE slot = 101'));
  const removed = await stage.play(0, (tx) => tx.query('DELETE FROM slots WHERE day = 3'));
  const results = await target.invert(undo([removed, moved, booked]));
  expect(results.map(({ outcome, findings }) => [outcome, findings])).toEqual(Array(3).fill(['restored', []]));
  expect(await rowsOf(stage.owner, 'slots')).toEqual(before);
});

test('a large value beside a changed one is stored once, and the undo writes the changed one', async () => {
  await using stage = await createStage(`CREATE TABLE docs (id int PRIMARY KEY, title text, body text);
    INSERT INTO docs SELECT 1, 'a', string_agg(md5(g::text) || 'é', '') FROM generate_series(1, 60000) g`);
  const [{ bytes } = { bytes: 0 }] = (await stage.owner.query<{ bytes: number }>('SELECT octet_length(body) AS bytes FROM docs')).rows;
  expect(bytes).toBeGreaterThan(2_000_000);
  const writer = await stage.pools[0]?.connect();
  await writer?.query(`BEGIN; UPDATE docs SET title = 'b'`);
  await writer?.query('COMMIT');
  writer?.release();
  const sizes = `SELECT octet_length(old) AS old, octet_length(new) AS new FROM recant.capture`;
  const [captured] = (await stage.owner.query<{ old: number; new: number }>(sizes)).rows;
  expect(captured?.old).toBeGreaterThan(bytes);
  expect(captured?.new).toBeLessThan(100);
  const played = await stage.play(0, (tx) => tx.query(`UPDATE docs SET title = 'c'`));
  const kept = await stage.owner.query(`SELECT max(pg_column_size(old) + pg_column_size(new)) AS bytes FROM recant.change`);
  expect(kept.rows[0].bytes).toBeLessThan(1_000);
  expect(await undoOne(await stage.open(), played)).toMatchObject({ outcome: 'restored', findings: [] });
  expect((await stage.owner.query('SELECT title, octet_length(body) AS bytes FROM docs')).rows).toEqual([{ title: 'b', bytes }]);
});

test('I5: undoing a rollback never loses a value that the undone attempt confirmed: an earlier writer undone in between is a conflict (F1)', async () => {
  await using stage = await createStage(ORDERS);
  const target = await stage.open();
  const inverse = (attempt: Played, run: string) => undo([attempt], { run });
  const state = () => stateOf(stage, 1);
  for (const confirm of [
    `UPDATE orders SET state = state WHERE id = 1`,
    `UPDATE orders SET state = 'other' WHERE id = 1; UPDATE orders SET state = 'closed' WHERE id = 1`,
  ]) {
    const first = await stage.play(0, (tx) => tx.query(`UPDATE orders SET state = 'closed' WHERE id = 1`));
    const second = await stage.play(1, (tx) => tx.query(confirm));
    const back = inverse(second, nextAction());
    const [undone] = await target.invert(back);
    expect(undone).toMatchObject({ outcome: 'already_undone', effects: [{ resource: `postgres://${SYSTEM}/public.orders/1` }] });
    expect(await target.applied(back.run, [1], back.token)).toEqual([undone]);
    const redo = { ref: back.steps[0]?.attempt as Played['ref'], effects: undone?.effects ?? [] };
    // While the earlier writer is in effect, the confirmation comes back, and goes again.
    const again = inverse(redo, nextAction());
    const [redone] = await target.invert(again);
    expect(redone).toMatchObject({ outcome: 'already_undone' });
    expect(codes(await undoOne(target, first))).toEqual(['later_write']);
    const last = { ref: again.steps[0]?.attempt as Played['ref'], effects: redone?.effects ?? [] };
    const gone = inverse(last, nextAction());
    const [goneAgain] = await target.invert(gone);
    expect(goneAgain).toMatchObject({ outcome: 'already_undone' });
    expect(await undoOne(target, first)).toMatchObject({ outcome: 'restored' });
    expect(await state()).toEqual({ state: 'new', n: 0, note: '' });
    const onceMore = { ref: gone.steps[0]?.attempt as Played['ref'], effects: goneAgain?.effects ?? [] };
    expect(codes(await undoOne(target, onceMore))).toEqual(['drift']);
    expect(await state()).toEqual({ state: 'new', n: 0, note: '' });
  }
});

test('I5: a row that an undone attempt had confirmed, and that went with its maker, does not come back in part (F1)', async () => {
  await using stage = await createStage(ORDERS);
  const target = await stage.open();
  const made = await stage.play(0, (tx) => tx.query(`INSERT INTO orders VALUES (9, 'new', 0, '')`));
  const touched = await stage.play(1, (tx) =>
    tx.query(`INSERT INTO orders VALUES (9, 'new', 0, '') ON CONFLICT (id) DO UPDATE SET state = excluded.state`),
  );
  const back = undo([touched]);
  const [undone] = await target.invert(back);
  expect(await undoOne(target, made)).toMatchObject({ outcome: 'restored' });
  const redo = { ref: back.steps[0]?.attempt as Played['ref'], effects: undone?.effects ?? [] };
  expect(codes(await undoOne(target, redo))).toEqual(['drift']);
  expect((await stage.owner.query('SELECT id FROM orders ORDER BY id')).rows).toEqual([{ id: 1 }, { id: 2 }]);
});

test('I7: a write that follows the commit of an inverse at once is later work: the step is restored, and the write stays (F6)', async () => {
  await using stage = await createStage(`CREATE TABLE items (id int PRIMARY KEY, n int); INSERT INTO items VALUES (1, 1);
    CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = 1 THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NEW; END $$;
    CREATE TRIGGER pause BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION pause()`);
  const bad = await stage.play(0, (tx) => tx.query('UPDATE items SET n = 2'));
  const target = await stage.open();
  const [holder, person] = [new pg.Client({ connectionString: stage.ownerUrl }), new pg.Client({ connectionString: stage.ownerUrl })];
  await Promise.all([holder.connect(), person.connect()]);
  const waiting = async (event: string) =>
    waitUntil(async () => {
      const { rows } = await holder.query(
        'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event = $1',
        [event],
      );
      return rows[0].n > 0;
    });
  try {
    await holder.query('SELECT pg_advisory_lock(7)');
    const undoing = undoOne(target, bad);
    await waiting('advisory');
    const writing = person.query('UPDATE items SET n = 9');
    await waiting('transactionid');
    await holder.query('SELECT pg_advisory_unlock(7)');
    expect(await undoing).toMatchObject({ outcome: 'restored', findings: [] });
    await writing;
    expect((await person.query('SELECT n FROM items')).rows).toEqual([{ n: 9 }]);
  } finally {
    await Promise.all([holder.end(), person.end()]);
  }
});
