import { expect, test } from 'vitest';
import { codes, createStage, rowsOf, undoOne } from './stage.ts';

const TOUCH = `CREATE TABLE t (id int PRIMARY KEY, status text, note text, updated_at timestamptz DEFAULT now()); INSERT INTO t VALUES (1, 'open', ''), (2, 'open', '');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()`;

test('a table whose trigger sets updated_at is undone, beside what somebody wrote into other columns', async () => {
  await using stage = await createStage(TOUCH);
  const alone = await stage.play(0, (tx) => tx.query(`UPDATE t SET status = 'cancelled' WHERE id = 1`));
  const shared = await stage.play(0, (tx) => tx.query(`UPDATE t SET status = 'cancelled' WHERE id = 2`));
  const kept = await stage.play(1, (tx) => tx.query(`UPDATE t SET note = 'hello' WHERE id = 2`));
  expect(shared.effects.map(({ parts }) => Object.keys(parts))).toEqual([['status']]);
  const target = await stage.open();
  for (const attempt of [alone, shared])
    expect(await undoOne(target, attempt, { knowsToo: [kept] })).toMatchObject({ outcome: 'restored', findings: [] });
  expect((await stage.owner.query('SELECT id, status, note FROM t ORDER BY id')).rows).toEqual([
    { id: 1, status: 'open', note: '' },
    { id: 2, status: 'open', note: 'hello' },
  ]);
});

test('a column that only the application maintains is derived by choice, effective for what is recorded already', async () => {
  await using stage = await createStage(TOUCH.replace(/CREATE FUNCTION[\s\S]*/, ''));
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE t SET status = 'cancelled', updated_at = '2026-01-01Z' WHERE id = 1`));
  await stage.play(1, (tx) => tx.query(`UPDATE t SET note = 'hello', updated_at = '2026-01-02Z' WHERE id = 1`));
  const target = await stage.open();
  expect((await undoOne(target, bad)).outcome).toBe('conflicted');
  await stage.prepare({ derived: ['public.t.updated_at'] });
  const known = { ...bad, effects: bad.effects.map((effect) => ({ ...effect, parts: omit(effect.parts, 'updated_at') })) };
  expect(await undoOne(await stage.open(), known)).toMatchObject({ outcome: 'restored', findings: [] });
  expect((await stage.owner.query('SELECT status, note FROM t WHERE id = 1')).rows).toEqual([{ status: 'open', note: 'hello' }]);
});

const omit = <T>(parts: Readonly<Record<string, T>>, name: string): Record<string, T> =>
  Object.fromEntries(Object.entries(parts).filter(([part]) => part !== name));

const COUNTED = `CREATE TABLE posts (id int PRIMARY KEY, title text, comments int NOT NULL DEFAULT 0);
CREATE TABLE comments (id int PRIMARY KEY, post int REFERENCES posts ON DELETE CASCADE, body text);
CREATE FUNCTION count_comments() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  IF TG_OP = 'INSERT' THEN UPDATE public.posts SET comments = comments + 1 WHERE id = NEW.post;
  ELSE UPDATE public.posts SET comments = comments - 1 WHERE id = OLD.post; END IF; RETURN NULL; END $$;
CREATE TRIGGER count_comments AFTER INSERT OR DELETE ON comments FOR EACH ROW EXECUTE FUNCTION count_comments();
INSERT INTO posts VALUES (1, 'first', 0); INSERT INTO comments SELECT g, 1, 'c' FROM generate_series(1, 3) g`;

test('a counter that triggers keep is right after the undo of an insert, of a delete, and of the counted row itself', async () => {
  await using stage = await createStage(COUNTED);
  const everything = async () => [await rowsOf(stage.owner, 'posts'), await rowsOf(stage.owner, 'comments')];
  const before = await everything();
  const target = await stage.open();
  for (const statement of [
    `INSERT INTO comments VALUES (9, 1, 'x')`,
    'DELETE FROM comments WHERE id = 2',
    'DELETE FROM posts WHERE id = 1',
  ]) {
    const played = await stage.play(0, (tx) => tx.query(statement));
    expect(await undoOne(target, played), statement).toMatchObject({ outcome: 'restored', findings: [] });
    expect(await everything(), statement).toEqual(before);
  }
});

test('a row that comes back has the derived value that it had, though its trigger counts again', async () => {
  await using stage = await createStage(COUNTED.replace(' ON DELETE CASCADE', ''));
  const before = await rowsOf(stage.owner, 'posts');
  const played = await stage.play(0, (tx) => tx.query('DELETE FROM comments; DELETE FROM posts'));
  expect(await undoOne(await stage.open(), played)).toMatchObject({ outcome: 'restored', findings: [] });
  expect(await rowsOf(stage.owner, 'posts')).toEqual(before);
});

test('I5: a trigger that writes a table without a key makes the undo a conflict, and nothing is written', async () => {
  await using stage = await createStage(`CREATE TABLE accounts (id int PRIMARY KEY, v int); INSERT INTO accounts VALUES (1, 10);
    CREATE TABLE totals (total int); INSERT INTO totals VALUES (10);
    CREATE FUNCTION add_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN UPDATE public.totals SET total = total + NEW.v - OLD.v; RETURN NULL; END $$;
    CREATE TRIGGER add_up AFTER UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION add_up()`);
  const bad = await stage.play(0, (tx) => tx.query('UPDATE accounts SET v = 50 WHERE id = 1'));
  expect(codes(await undoOne(await stage.open(), bad))).toEqual(['reaches_uncaptured']);
  expect((await stage.owner.query('SELECT v, total FROM accounts, totals')).rows).toEqual([{ v: 50, total: 50 }]);
});

test('where deletes are soft, the undo of an insert is a conflict; a soft delete comes back', async () => {
  await using stage =
    await createStage(`CREATE TABLE t (id int PRIMARY KEY, v int, deleted boolean DEFAULT false); INSERT INTO t VALUES (1, 1);
    CREATE FUNCTION soft() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE public.t SET deleted = true WHERE id = OLD.id; RETURN NULL; END $$;
    CREATE TRIGGER soft BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION soft()`);
  await stage.prepare({ notDerived: ['public.t.deleted'] });
  const target = await stage.open();
  const made = await stage.play(0, (tx) => tx.query('INSERT INTO t VALUES (2, 2)'));
  expect((await undoOne(target, made)).outcome).toBe('conflicted');
  expect((await stage.owner.query('SELECT v, deleted FROM t WHERE id = 2')).rows).toEqual([{ v: 2, deleted: false }]);
  const gone = await stage.play(0, (tx) => tx.query('DELETE FROM t WHERE id = 1'));
  expect(await undoOne(target, gone)).toMatchObject({ outcome: 'restored', findings: [] });
  expect((await stage.owner.query('SELECT v, deleted FROM t WHERE id = 1')).rows).toEqual([{ v: 1, deleted: false }]);
});

test('a table with a DO ALSO rule is named at connect; its undo is a conflict with the reason, writes go on', async () => {
  await using stage = await createStage(`CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1);
    CREATE TABLE log (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int);
    CREATE RULE also AS ON UPDATE TO t DO ALSO INSERT INTO log (v) VALUES (NEW.v)`);
  expect((await stage.prepare()).limited).toMatchObject([{ table: 'public.t', reason: expect.stringContaining('rule') }]);
  const bad = await stage.play(0, (tx) => tx.query('UPDATE t SET v = 2 WHERE id = 1'));
  const result = await undoOne(await stage.open(), bad);
  expect(result).toMatchObject({ outcome: 'conflicted' });
  expect(result.findings[0]?.detail).toMatch(/rule/i);
  expect((await stage.owner.query('SELECT v FROM t')).rows).toEqual([{ v: 2 }]);
});

test('TRUNCATE of a partition is refused to an agent at every level of the tree, and in the way of an undo when a person does it', async () => {
  await using stage = await createStage(
    `CREATE TABLE p (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
     CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY LIST (id); CREATE TABLE p21 PARTITION OF p2 DEFAULT;
     INSERT INTO p VALUES (1, 1, 'x'), (2, 2, 'y')`,
  );
  await stage.owner.query(`GRANT TRUNCATE ON p, p1, p2, p21 TO ${stage.agents[0]}`);
  for (const table of ['p', 'p1', 'p2', 'p21'])
    await expect(
      stage.play(0, (tx) => tx.query(`TRUNCATE ${table}`)),
      table,
    ).rejects.toThrow(/TRUNCATE by an agent/);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE p SET v = 'bad' WHERE id = 2`));
  await stage.owner.query(`TRUNCATE p21; INSERT INTO p VALUES (2, 2, 'bad')`);
  expect(codes(await undoOne(await stage.open(), bad))).toEqual(['later_write']);
});
