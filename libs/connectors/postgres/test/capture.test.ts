import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { postgresSystem } from '../src/index.ts';
import { drained } from './drained.ts';
import { codes, createStage, nextAction, type Played, rowsOf, type Stage, SYSTEM, undo, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, price numeric, stock int, note text);
INSERT INTO items VALUES (1, 10, 5, 'a'), (2, 20, 5, 'b')`;
const item = (id: number | string) => `postgres://${SYSTEM}/public.items/${id}`;
const brief = (played: Played) =>
  played.effects.map(({ operation, resource, parts }) => [operation, resource, Object.keys(parts).sort().join()]);

test('an update writes the columns whose value changed, also by a trigger, or the whole row if none changed; it reads exists', async () => {
  await using stage = await createStage(`${ITEMS};
    CREATE FUNCTION trim_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'kept'; RETURN NEW; END $$;
    CREATE TRIGGER t BEFORE UPDATE ON items FOR EACH ROW WHEN (NEW.id = 2) EXECUTE FUNCTION trim_note()`);
  const played = await stage.play(0, async (tx) => {
    await tx.query('UPDATE items SET price = price, stock = stock + 1');
    await tx.query('UPDATE items SET price = price WHERE id = 1');
  });
  expect(brief(played)).toEqual([
    ['update', item(1), 'stock'],
    ['update', item(2), 'stock'],
    ['touch', item(1), 'id,price,stock'],
  ]);
  const effect = played.effects.at(-1);
  expect(effect?.parts.price?.before).toBe(effect?.parts.price?.after);
  expect(Object.keys(effect?.reads ?? {})).toEqual(['exists']);
});

test('insert, delete and a changed key write exists and every column', async () => {
  await using stage = await createStage(ITEMS);
  const played = await stage.play(0, async (tx) => {
    await tx.query(`INSERT INTO items VALUES (3, 1, 1, NULL)`);
    await tx.query(`DELETE FROM items WHERE id = 2`);
    await tx.query(`UPDATE items SET id = 9 WHERE id = 1`);
  });
  const all = 'exists,id,note,price,stock';
  expect(brief(played)).toEqual([
    ['insert', item(3), all],
    ['delete', item(2), all],
    ['rekey', item(1), all],
    ['rekey', item(9), all],
  ]);
});

test('keys with any characters have one form in the target and in the URI', async () => {
  const keys = ['a,b/c%d.e*f\'g"h', ' ', '', '.', '..', 'é😀', '\u0001', '100%', '%2C', 'a'.repeat(500)];
  await using stage = await createStage('CREATE TABLE "Odd.Schema/Table" (k text, n int, v int, PRIMARY KEY (k, n))', { agents: 1 });
  const played = await stage.play(0, (tx) => tx.query('INSERT INTO "Odd.Schema/Table" SELECT unnest($1::text[]), 1, 1', [keys]));
  expect(new Set(played.effects.map(({ resource }) => resource)).size).toBe(keys.length);
  const target = await stage.open();
  const parts = played.effects.map(({ resource }) => ({ resource, part: 'v' }));
  expect((await target.probe(parts)).map((probed) => probed.kind)).toEqual(keys.map(() => 'version'));
  expect((await undoOne(target, played)).outcome).toBe('restored');
  // Too long for a URI: the write goes through, and is counted as a change that cannot be read.
  const { effects } = await stage.play(0, (tx) => tx.query(`INSERT INTO "Odd.Schema/Table" VALUES (repeat('é', 200), 1, 1)`));
  expect(effects).toEqual([]);
  expect((await stage.owner.query(`SELECT operation, key FROM recant.change WHERE operation = '?'`)).rows).toEqual([
    { operation: '?', key: null },
  ]);
});

test('a rolled back transaction or savepoint leaves no effect; a failed action may leave some', async () => {
  await using stage = await createStage(ITEMS);
  const ref = { source: 's', action: nextAction(), attempt: 1 };
  const capture = await postgresSystem({ name: SYSTEM, pool: stage.pools[0] as never }).capture(ref, []);
  await capture.handle.transaction(async (tx) => {
    await tx.query('SAVEPOINT a; UPDATE items SET price = 1; ROLLBACK TO a');
    await tx.query('UPDATE items SET stock = 0 WHERE id = 1');
  });
  const failing = capture.handle.transaction(async (tx) => {
    await tx.query('UPDATE items SET price = 2');
    throw new Error('tool failed');
  });
  await expect(failing).rejects.toThrow('tool failed');
  expect(await collect(capture.settle())).toEqual([]);
  const effects = await drained(stage.owner, SYSTEM, ref);
  expect(effects.map(({ resource, parts }) => [resource, Object.keys(parts)])).toEqual([[item(1), ['stock']]]);
});

test('settling works if the connection ended after the commit, and no transaction of the attempt can follow', async () => {
  await using stage = await createStage(ITEMS);
  const ref = { source: 's', action: nextAction(), attempt: 1 };
  const capture = await postgresSystem({ name: SYSTEM, pool: stage.pools[0] as never }).capture(ref, []);
  const work = capture.handle.transaction(async (tx) => {
    await tx.query('UPDATE items SET stock = 0; COMMIT');
    await tx.query('SELECT pg_terminate_backend(pg_backend_pid())');
  });
  await expect(work).rejects.toThrow();
  expect(await collect(capture.settle())).toEqual([]);
  const effects = await drained(stage.owner, SYSTEM, ref);
  expect(effects).toHaveLength(2);
  await expect(capture.handle.transaction((tx) => tx.query('UPDATE items SET stock = 1'))).rejects.toThrow(/is settled/);
});

test('a transaction within another one of the same action is refused in bounded time, and leaves the lock limit of the application as it was', async () => {
  await using stage = await createStage(ITEMS);
  const system = postgresSystem({ name: SYSTEM, pool: stage.pools[0] as never, settleTimeoutMs: 100 });
  // The first attempt of a source is opened before its transactions.
  await system.capture({ source: 's', action: nextAction(), attempt: 1 }, []);
  const { handle } = await system.capture({ source: 's', action: nextAction(), attempt: 1 }, []);
  await handle.transaction(async (tx) => {
    expect((await tx.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '0' }]);
    await expect(handle.transaction((other) => other.query('SELECT 1'))).rejects.toMatchObject({ code: 'locked' });
    await tx.query('UPDATE items SET stock = 0 WHERE id = 1');
  });
  await handle.transaction((tx) => tx.query('UPDATE items SET stock = 1 WHERE id = 1'));
  expect((await stage.owner.query('SELECT stock FROM items WHERE id = 1')).rows).toEqual([{ stock: 1 }]);
});

test('settling waits for a transaction of the attempt that is still open', async () => {
  await using stage = await createStage(ITEMS);
  const system = postgresSystem({ name: SYSTEM, pool: stage.pools[0] as never });
  const ref = { source: 's', action: nextAction(), attempt: 1 };
  const capture = await system.capture(ref, []);
  let settled: Promise<unknown[]> | undefined;
  await capture.handle.transaction(async (tx) => {
    await tx.query('UPDATE items SET stock = 0 WHERE id = 1');
    settled = collect(capture.settle());
    await untilWaiting(stage);
  });
  expect(await settled).toEqual([]);
  expect(await drained(stage.owner, SYSTEM, ref)).toHaveLength(1);
});

test('two agents on one row: the one that waits for the lock gets the higher ordinal, and versions chain', async () => {
  await using stage = await createStage(ITEMS);
  let second: Promise<Played> | undefined;
  const first = await stage.play(0, async (tx) => {
    await tx.query('UPDATE items SET price = 11 WHERE id = 1');
    second = stage.play(1, (other) => other.query('UPDATE items SET price = price + 1 WHERE id = 1'));
    await untilWaiting(stage);
  });
  const [one, two] = [first.effects[0], (await second)?.effects[0]];
  expect(BigInt(two?.ordinal ?? 0)).toBeGreaterThan(BigInt(one?.ordinal ?? 0));
  expect(two?.parts.price?.before).toBe(one?.parts.price?.after);
});

test("changes by a user's trigger, to other rows or the same row, are part of the attempt and restored", async () => {
  await using stage = await createStage(`${ITEMS}; CREATE TABLE totals (id int PRIMARY KEY, stock int); INSERT INTO totals VALUES (0, 10);
    CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      UPDATE totals SET stock = (SELECT sum(stock) FROM items);
      IF NEW.note <> 'touched' THEN UPDATE items SET note = 'touched' WHERE id = NEW.id; END IF;
      RETURN NULL; END $$;
    CREATE TRIGGER follow AFTER UPDATE OF stock ON items FOR EACH ROW EXECUTE FUNCTION follow()`);
  const before = await rowsOf(stage.owner, 'items');
  const played = await stage.play(0, (tx) => tx.query('UPDATE items SET stock = stock - 1 WHERE id = 1'));
  const on = played.effects.filter(({ resource }) => resource === item(1));
  expect(on.map(({ parts }) => Object.keys(parts).sort())).toEqual([['stock'], ['note']]);
  const target = await stage.open();
  expect(await undoOne(target, played)).toMatchObject({ outcome: 'conflicted' });
  await stage.owner.query('DROP TRIGGER follow ON items');
  expect(await undoOne(target, played)).toMatchObject({ outcome: 'restored', findings: [] });
  expect(await rowsOf(stage.owner, 'items')).toEqual(before);
  expect(await rowsOf(stage.owner, 'totals')).toHaveLength(1);
});

test('derived columns are not parts and left to the target; history tables are never undone and cause no side_effect', async () => {
  await using stage = await createStage(
    `${ITEMS}; ALTER TABLE items ADD updated int DEFAULT 0; CREATE TABLE audit (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      NEW.updated := OLD.updated + 1; INSERT INTO audit (what) VALUES (NEW.id); RETURN NEW; END $$;
    CREATE TRIGGER keep BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION keep()`,
    { prepare: false },
  );
  await stage.prepare({ derived: ['public.items.updated'], history: ['public.audit'] });
  const played = await stage.play(0, (tx) => tx.query('UPDATE items SET stock = 0 WHERE id = 1'));
  expect(played.effects.map(({ operation, parts, compensation }) => [operation, Object.keys(parts), compensation?.connector])).toEqual([
    ['history', [], undefined],
    ['update', ['stock'], 'postgres'],
  ]);
  const result = await undoOne(await stage.open(), played);
  expect(result).toMatchObject({ outcome: 'restored', findings: [] });
  expect(result.residue.join()).toMatch(/history.*audit.*updated/);
  const { rows } = await stage.owner.query('SELECT stock, updated, (SELECT count(*)::int FROM audit) AS audited FROM items WHERE id = 1');
  expect(rows).toEqual([{ stock: 5, updated: 2, audited: 2 }]);
});

test('rows of a partitioned table keep their name when they move between partitions', async () => {
  await using stage = await createStage(`CREATE TABLE p (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE p_north PARTITION OF p FOR VALUES IN ('n'); CREATE TABLE p_south (v int, region text NOT NULL, id int NOT NULL);
    ALTER TABLE p ATTACH PARTITION p_south FOR VALUES IN ('s'); INSERT INTO p VALUES (1, 'n', 1), (2, 's', 2)`);
  await stage.owner.query(`CREATE TABLE p_east PARTITION OF p FOR VALUES IN ('e')`);
  const before = await rowsOf(stage.owner, 'p');
  const played = await stage.play(0, async (tx) => {
    await tx.query(
      `UPDATE p SET v = 5; UPDATE p SET region = 's' WHERE id = 1; UPDATE p SET region = 'e' WHERE id = 2; INSERT INTO p_north VALUES (3, 'n', 3)`,
    );
  });
  expect(new Set(played.effects.map(({ resource }) => resource))).toEqual(
    new Set(['1,n', '2,s', '1,s', '2,e', '3,n'].map((key) => `postgres://${SYSTEM}/public.p/${key}`)),
  );
  expect(await undoOne(await stage.open(), played)).toMatchObject({ outcome: 'restored', findings: [] });
  expect(await rowsOf(stage.owner, 'p')).toEqual(before);
});

test('TRUNCATE is refused inside an attempt; by any other login it counts as a later write of the whole table', async () => {
  await using stage = await createStage(ITEMS);
  await stage.owner.query(`GRANT TRUNCATE ON items TO ${stage.agents[0]}`);
  await expect(stage.play(0, (tx) => tx.query('TRUNCATE items'))).rejects.toThrow(/TRUNCATE/);
  const bad = await stage.play(0, (tx) => tx.query('UPDATE items SET stock = 0 WHERE id = 1'));
  await stage.owner.query(`TRUNCATE items; INSERT INTO items VALUES (1, 10, 0, 'a')`);
  expect(codes(await undoOne(await stage.open(), bad))).toEqual(['later_write']);
});

test('after adding, renaming, retyping and dropping columns writes continue; older attempts are undone or name the column', async () => {
  await using stage = await createStage(ITEMS);
  const added = await stage.play(0, (tx) => tx.query('UPDATE items SET stock = 0 WHERE id = 1'));
  const removed = await stage.play(0, (tx) => tx.query('DELETE FROM items WHERE id = 2'));
  await stage.owner.query(
    `ALTER TABLE items ADD colour text; UPDATE items SET colour = 'red' WHERE id = 1; ALTER TABLE items RENAME note TO remark`,
  );
  const played = await stage.play(0, (tx) => tx.query(`UPDATE items SET colour = 'blue', remark = 'r' WHERE id = 1`));
  expect(brief(played)).toEqual([['update', item(1), 'colour,remark']]);
  const results = await (await stage.open()).invert(undo([played, removed, added]));
  expect(results.map(({ outcome, findings }) => [outcome, findings])).toEqual(Array(3).fill(['restored', []]));
  expect((await stage.owner.query('SELECT * FROM items ORDER BY id')).rows).toEqual([
    { id: 1, price: '10', stock: 5, remark: 'a', colour: 'red' },
    { id: 2, price: '20', stock: 5, remark: 'b', colour: null },
  ]);
  const retyped = await stage.play(0, (tx) => tx.query('UPDATE items SET stock = 7 WHERE id = 1'));
  await stage.owner.query('ALTER TABLE items ALTER stock TYPE bigint');
  const dropped = await stage.play(0, (tx) => tx.query(`UPDATE items SET colour = 'green' WHERE id = 1`));
  await stage.owner.query('ALTER TABLE items DROP colour');
  const stuck = await (await stage.open()).invert(undo([dropped, retyped]));
  expect(stuck.map(({ outcome, findings }) => [outcome, findings[0]?.detail])).toEqual([
    ['conflicted', 'Column colour no longer exists.'],
    ['conflicted', 'Column stock had type integer when it was recorded, and has type bigint now.'],
  ]);
});

test('a renamed table has its earlier attempts; a new table under the old name does not', async () => {
  await using stage = await createStage(ITEMS);
  const played = await stage.play(0, (tx) => tx.query('UPDATE items SET stock = 0 WHERE id = 1'));
  await stage.owner.query(
    `ALTER TABLE items RENAME TO things; CREATE TABLE items (LIKE things INCLUDING ALL); INSERT INTO items VALUES (1, 1, 0, 'new')`,
  );
  expect(await undoOne(await stage.open(), played)).toMatchObject({ outcome: 'restored', findings: [] });
  expect((await stage.owner.query('SELECT stock FROM things WHERE id = 1')).rows).toEqual([{ stock: 5 }]);
  expect((await stage.owner.query('SELECT note, stock FROM items')).rows).toEqual([{ note: 'new', stock: 0 }]);
});

test('an undo that would change a table without a key, or one that is not captured, is refused and nothing is written', async () => {
  await using stage = await createStage(`${ITEMS};
    CREATE TABLE lines (item int REFERENCES items ON DELETE CASCADE, what text)`);
  const played = await stage.play(0, (tx) => tx.query(`INSERT INTO items VALUES (3, 1, 1, 'c')`));
  await stage.owner.query(`INSERT INTO lines VALUES (3, 'of somebody else')`);
  const target = await stage.open();
  expect(codes(await undoOne(target, played))).toEqual(['reaches_uncaptured']);
  await stage.owner.query(
    `CREATE TABLE later (item int PRIMARY KEY REFERENCES items ON DELETE CASCADE); INSERT INTO later VALUES (3); DELETE FROM lines`,
  );
  const refused = await undoOne(target, played);
  expect(refused.findings).toMatchObject([{ code: 'reaches_uncaptured', detail: expect.stringContaining('public.later') }]);
  expect((await stage.owner.query('SELECT count(*)::int AS n FROM later')).rows).toEqual([{ n: 1 }]);
  await stage.owner.query('DELETE FROM later');
  expect(await undoOne(target, played)).toMatchObject({ outcome: 'restored' });
});

test('equal writes of others count, including between two transactions of the attempt and by unregistered logins', async () => {
  await using stage = await createStage(ITEMS);
  const first = await stage.play(0, (tx) => tx.query('UPDATE items SET stock = 0 WHERE id = 1'));
  await stage.owner.query('UPDATE items SET stock = 0 WHERE id = 1');
  await stage.play(1, (tx) => tx.query('UPDATE items SET price = 99 WHERE id = 1'));
  const result = await undoOne(await stage.open(), first);
  expect(result.findings).toMatchObject([
    { code: 'later_write', part: 'stock', detail: expect.stringMatching(/^Changed later by login owner_\w+ at 20/) },
  ]);
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Until a backend of this database waits for a lock. */
async function untilWaiting(stage: Stage): Promise<void> {
  for (;;) {
    const { rows } = await stage.owner.query(
      `SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database() AND NOT l.granted`,
    );
    if (rows.length > 0) return;
  }
}

test('equal values have equal versions on one system only: without its key nobody can guess small values', async () => {
  const YES_NO = 'CREATE TABLE answers (id int PRIMARY KEY, yes bool); INSERT INTO answers VALUES (1, false), (2, false)';
  await using one = await createStage(YES_NO, { agents: 1 });
  await using other = await createStage(YES_NO, { agents: 1 });
  const versionsOf = async (stage: Stage) => {
    const { effects } = await stage.play(0, (tx) => tx.query('UPDATE answers SET yes = true'));
    return effects.map(({ parts }) => [parts.yes?.before, parts.yes?.after]);
  };
  const [mine, theirs] = [await versionsOf(one), await versionsOf(other)];
  expect(mine[0]).toEqual(mine[1]);
  expect(new Set([...mine, ...theirs].flat()).size).toBe(4);
  // A version is not a plain digest of its value either.
  const images = [true, false].flatMap((value) =>
    ['boolean', 'bool', ''].flatMap((type) => [`${type}\u001fv${value}`, `${type}${value}`, String(value)[0] as string]),
  );
  const guesses = images.flatMap((image) =>
    ['sha256', 'md5', 'sha1'].map((name) => hash(name, image, 'buffer').subarray(0, 16).toString('base64url')),
  );
  for (const version of mine.flat()) expect(guesses).not.toContain(version?.replace(/^v1\./, ''));
});
