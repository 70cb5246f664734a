import { describe, expect, test } from 'vitest';
import { codes, createStage, rowsOf, type Stage, undo, undoOne } from './stage.ts';

const SCHEMA = `
CREATE TABLE customers (id int PRIMARY KEY, name text, boss int REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE, price numeric(10,2));
CREATE TABLE lines (number int, "order" int REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE, sku text, PRIMARY KEY ("order", number));
CREATE TABLE notes (id int PRIMARY KEY, "order" int REFERENCES orders ON DELETE SET NULL ON UPDATE CASCADE, body text);
INSERT INTO customers VALUES (1, 'ann', NULL), (2, 'bob', 1), (3, 'cid', 3);
INSERT INTO orders VALUES (10, 1, 5), (11, 2, 6), (12, NULL, 7);
INSERT INTO lines VALUES (1, 10, 'a'), (2, 10, 'b'), (1, 11, 'c');
INSERT INTO notes VALUES (100, 10, 'x'), (101, 11, 'y')`;
const TABLES = ['customers', 'orders', 'lines', 'notes'];
const everything = async (stage: Stage) => Promise.all(TABLES.map((table) => rowsOf(stage.owner, table)));

describe('cascading changes are captured and restored', () => {
  test.each([
    ['a deleted parent, its cascades and its nulled references', ['DELETE FROM customers WHERE id = 1']],
    ['a row that refers to itself', ['DELETE FROM customers WHERE id = 3']],
    ['a changed key, and the keys of children that contain it', ['UPDATE orders SET id = 99 WHERE id = 10']],
    ['a key changed along a chain', ['UPDATE orders SET id = 98 WHERE id = 10', 'UPDATE orders SET id = 99 WHERE id = 98']],
    [
      'a changed key of a row that refers to itself',
      ['UPDATE customers SET id = 30 WHERE id = 3', 'UPDATE customers SET id = 20 WHERE id = 2'],
    ],
    [
      'two keys swapped',
      ['UPDATE orders SET id = 0 WHERE id = 10', 'UPDATE orders SET id = 10 WHERE id = 11', 'UPDATE orders SET id = 11 WHERE id = 0'],
    ],
    ['a key that was left and taken by a new row', ['UPDATE orders SET id = 50 WHERE id = 12', 'INSERT INTO orders VALUES (12, 1, 1)']],
    ['a deleted row made again with other values', ['DELETE FROM lines WHERE "order" = 11', "INSERT INTO lines VALUES (1, 11, 'z')"]],
    [
      'new parents with new children',
      ["INSERT INTO customers VALUES (7, 'gus', 7)", 'INSERT INTO orders VALUES (70, 7, 1)', "INSERT INTO lines VALUES (1, 70, 'q')"],
    ],
    ['a key changed and the row deleted', ['UPDATE orders SET id = 99 WHERE id = 11', 'DELETE FROM orders WHERE id = 99']],
    ['a new row whose key then changed', ['INSERT INTO orders VALUES (60, 1, 1)', 'UPDATE orders SET id = 61 WHERE id = 60']],
    ['everything', ['DELETE FROM lines', 'DELETE FROM notes', 'DELETE FROM orders', 'DELETE FROM customers']],
  ])('%s', async (_name, statements) => {
    await using stage = await createStage(SCHEMA, { agents: 1 });
    const before = await everything(stage);
    const played = await stage.play(0, async (tx) => {
      for (const statement of statements) await tx.query(statement);
    });
    const after = await everything(stage);
    expect(after).not.toEqual(before);
    const target = await stage.open();
    const batch = undo([played]);
    const [result] = await target.invert(batch);
    expect(result).toMatchObject({ outcome: 'restored', findings: [] });
    expect(await everything(stage)).toEqual(before);
    const again = await undoOne(target, { ref: batch.steps[0]?.attempt ?? played.ref, effects: result?.effects ?? [] });
    expect(again).toMatchObject({ outcome: 'restored', findings: [] });
    expect(await everything(stage)).toEqual(after);
  });
});

test('an inverse that would delete rows added later by others is refused completely', async () => {
  await using stage = await createStage(SCHEMA);
  const bad = await stage.play(0, (tx) => tx.query("INSERT INTO customers VALUES (7, 'gus', NULL)"));
  await stage.play(1, (tx) => tx.query('INSERT INTO orders VALUES (70, 7, 1)'));
  const before = await everything(stage);
  const result = await undoOne(await stage.open(), bad);
  expect(result).toMatchObject({ outcome: 'conflicted', effects: [] });
  expect(codes(result)).toEqual(['side_effect']);
  expect(result.findings.map(({ resource }) => resource)).toContain('postgres://shop/public.orders/70');
  expect(await everything(stage)).toEqual(before);
});

test('an inverse that a foreign key refuses is a conflict', async () => {
  await using stage = await createStage(`CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);`);
  const bad = await stage.play(0, (tx) => tx.query('INSERT INTO a VALUES (1), (2)'));
  await stage.owner.query('INSERT INTO b VALUES (1, 2)');
  const result = await undoOne(await stage.open(), bad);
  expect(result.outcome).toBe('conflicted');
  expect(codes(result)).toEqual(['constraint']);
  expect(await rowsOf(stage.owner, 'a')).toHaveLength(2);
});

test('deferred constraints are checked before the step ends, and do not affect other steps', async () => {
  await using stage = await createStage(`CREATE TABLE a (id int PRIMARY KEY, n int);
    CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a DEFERRABLE INITIALLY DEFERRED, u int UNIQUE DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO b VALUES (5, NULL, 5)`);
  const first = await stage.play(0, (tx) => tx.query('INSERT INTO a VALUES (1, 1)'));
  const both = await stage.play(0, async (tx) => {
    await tx.query('INSERT INTO b VALUES (1, 2, 1), (2, 2, 2)');
    await tx.query('INSERT INTO a VALUES (2, 2)');
  });
  const swap = await stage.play(0, (tx) => tx.query('UPDATE b SET u = 3 - u WHERE id < 3'));
  await stage.owner.query('INSERT INTO b VALUES (3, 1, 3)');
  const results = await (await stage.open()).invert(undo([swap, both, first]));
  expect(results.map(({ outcome }) => outcome)).toEqual(['restored', 'restored', 'conflicted']);
  expect(codes(results[2])).toEqual(['constraint']);
});
