import { expect, test } from 'vitest';
import { createStage, nextAction, rowsOf, undo, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, price numeric(12,2), note text UNIQUE);
INSERT INTO items SELECT g, g, 'n' || g FROM generate_series(1, 20) g`;

test('ten thousand rows of one attempt are restored completely', { timeout: 120_000 }, async () => {
  await using stage = await createStage(`CREATE TABLE big (id int PRIMARY KEY, a text, b numeric, c timestamptz DEFAULT '2026-01-01Z');
    INSERT INTO big SELECT g, 'row ' || g, g / 3.0 FROM generate_series(1, 10000) g`);
  const before = await rowsOf(stage.owner, 'big');
  const bad = await stage.play(0, async (tx) => {
    await tx.query(`UPDATE big SET a = upper(a) WHERE id % 3 = 0`);
    await tx.query(`DELETE FROM big WHERE id % 3 = 1`);
    await tx.query(`UPDATE big SET b = 0 WHERE id % 3 <> 1`);
  });
  expect(bad.effects.length).toBeGreaterThan(10_000);
  expect(await undoOne(await stage.open(), bad)).toMatchObject({ outcome: 'restored', findings: [] });
  expect(await rowsOf(stage.owner, 'big')).toEqual(before);
});

test('a rehearsal of more effects than one transaction has knows a column that only the oldest step of a row wrote', {
  timeout: 120_000,
}, async () => {
  await using stage = await createStage(
    `CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t SELECT g, 0, 0 FROM generate_series(1, 5001) g`,
  );
  const oldest = await stage.play(0, (tx) => tx.query('UPDATE t SET a = 1, b = 1 WHERE id = 1'));
  const wide = await stage.play(0, (tx) => tx.query('UPDATE t SET a = 1 WHERE id > 1'));
  const newest = await stage.play(0, (tx) => tx.query('UPDATE t SET a = 2 WHERE id = 1'));
  const rehearsed = await (await stage.open()).rehearse(undo([newest, wide, oldest]).steps);
  expect(rehearsed.map(({ outcome, findings }) => [outcome, findings])).toEqual([1, 2, 3].map(() => ['restored', []]));
});

test('two hundred steps run in bounded transactions, and a failed one affects no other', { timeout: 120_000 }, async () => {
  await using stage = await createStage(
    `CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, 0 FROM generate_series(1, 200) g`,
  );
  const before = await rowsOf(stage.owner, 't');
  const played = [];
  for (let id = 1; id <= 200; id += 1)
    played.push(await stage.play(id % 2, (tx) => tx.query(`UPDATE t SET v = v + 1 WHERE id = $1`, [id])));
  await stage.owner.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON t FOR EACH ROW WHEN (OLD.id = 77) EXECUTE FUNCTION refuse()`);
  const target = await stage.open();
  const results = await target.invert(undo(played.toReversed()));
  expect(results.filter(({ outcome }) => outcome !== 'restored')).toMatchObject([
    { step: 124, outcome: 'conflicted', findings: [{ code: 'constraint' }] },
  ]);
  await stage.owner.query('DROP TRIGGER refuse ON t');
  expect((await undoOne(target, played[76] ?? { ref: { source: '', action: '', attempt: 1 }, effects: [] })).outcome).toBe('restored');
  expect(await rowsOf(stage.owner, 't')).toEqual(before);
});

test('errors of the target about rejected data are stored without the quoted values', async () => {
  await using stage = await createStage(ITEMS);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET note = 'n1 changed' WHERE id = 1`));
  await stage.owner.query(`CREATE FUNCTION take_price() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.price := NEW.note::numeric; RETURN NEW; END $$;
    CREATE TRIGGER take_price BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION take_price()`);
  const result = await undoOne(await stage.open(), bad);
  expect(result).toMatchObject({
    outcome: 'failed',
    findings: [{ code: 'constraint', detail: 'SQLSTATE 22P02: invalid input syntax for type numeric: "***"' }],
  });
});

test('unique values that moved between rows are restored, even if one statement must swap them', async () => {
  await using stage = await createStage(ITEMS);
  const before = await rowsOf(stage.owner, 'items');
  const bad = await stage.play(0, async (tx) => {
    await tx.query(`DELETE FROM items WHERE id = 5; INSERT INTO items VALUES (50, 1, 'n5'); UPDATE items SET note = 'free' WHERE id = 6`);
    await tx.query(`UPDATE items SET note = 'n6' WHERE id = 7; UPDATE items SET note = 'n7' WHERE id = 8`);
    await tx.query(
      `UPDATE items SET note = 't' WHERE id = 1; UPDATE items SET note = 'n1' WHERE id = 2; UPDATE items SET note = 'n2' WHERE id = 1`,
    );
  });
  expect(await undoOne(await stage.open(), bad)).toMatchObject({ outcome: 'restored', findings: [] });
  expect(await rowsOf(stage.owner, 'items')).toEqual(before);
});

test('columns outside the step stay as the other agent left them', async () => {
  await using stage = await createStage(ITEMS);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET price = 0 WHERE id < 3`));
  const good = await stage.play(1, (tx) => tx.query(`UPDATE items SET note = 'good' WHERE id = 1`));
  expect(await undoOne(await stage.open(), bad, { knowsToo: [good] })).toMatchObject({ outcome: 'restored' });
  expect((await stage.owner.query(`SELECT price, note FROM items WHERE id = 1`)).rows).toEqual([{ price: '1.00', note: 'good' }]);
});

test('parts that are already at before are not written, the others are restored', async () => {
  await using stage = await createStage(ITEMS);
  const before = await rowsOf(stage.owner, 'items');
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET price = 0 WHERE id < 3; DELETE FROM items WHERE id = 4`));
  await stage.owner.query(`UPDATE items SET price = 1 WHERE id = 1; INSERT INTO items VALUES (4, 4, 'n4')`);
  const result = await undoOne(await stage.open(), bad);
  expect(result).toMatchObject({ outcome: 'restored' });
  expect(result.effects.map(({ resource }) => resource)).toEqual(['postgres://shop/public.items/2']);
  expect(await rowsOf(stage.owner, 'items')).toEqual(before);
});

test('I5: an inverse waits for a locked row, and the write of the other session is a conflict', async () => {
  await using stage = await createStage(ITEMS);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET price = 0 WHERE id = 1`));
  const target = await stage.open();
  const holder = await stage.owner.connect();
  await holder.query(`BEGIN; UPDATE items SET price = 0 WHERE id = 1`);
  const undoing = undoOne(target, bad);
  for (let waiting = 0; waiting === 0; ) {
    waiting =
      (
        await stage.owner.query(
          `SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database() AND NOT l.granted`,
        )
      ).rowCount ?? 0;
  }
  await holder.query('COMMIT');
  holder.release();
  expect(await undoing).toMatchObject({ outcome: 'conflicted', findings: [{ code: 'later_write', part: 'price' }] });
});

test('two claims of one run at once: each step takes effect once', async () => {
  await using stage = await createStage(ITEMS);
  const played = [];
  for (let id = 1; id <= 10; id += 1)
    played.push(await stage.play(0, (tx) => tx.query(`UPDATE items SET price = price + 100 WHERE id = $1`, [id])));
  const run = nextAction();
  const batch = undo(played, { run });
  const [one, two] = await Promise.all([(await stage.open()).invert(batch), (await stage.open()).invert(batch)]);
  expect(one).toEqual(two);
  expect(one?.every(({ outcome }) => outcome === 'restored')).toBe(true);
  expect((await stage.owner.query('SELECT sum(price)::text AS sum FROM items')).rows).toEqual([{ sum: '210.00' }]);
});

test('a connection that ends during an inverse leaves no change, and the result is unknown', async () => {
  await using stage = await createStage(`${ITEMS}; CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`);
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE items SET price = 0 WHERE id = 1`));
  const before = await rowsOf(stage.owner, 'items');
  await stage.owner.query('CREATE TRIGGER die BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION die()');
  const target = await stage.open();
  const batch = undo([bad]);
  await expect(target.invert(batch)).rejects.toMatchObject({ code: 'unreachable', retry: true });
  expect(await target.applied(batch.run, [1], batch.token)).toEqual([]);
  expect(await rowsOf(stage.owner, 'items')).toEqual(before);
  await stage.owner.query('DROP TRIGGER die ON items');
  expect(await target.invert(batch)).toMatchObject([{ outcome: 'restored' }]);
});

test('U17: one step whose inverse fails in any way affects no other, and says with which code', { timeout: 120_000 }, async () => {
  await using stage =
    await createStage(`CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, 0 FROM generate_series(1, 60) g;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF OLD.id = 58 THEN PERFORM pg_sleep(60); END IF;
      RAISE EXCEPTION 'no' USING ERRCODE = CASE OLD.id WHEN 51 THEN '53200' WHEN 52 THEN '55P03' WHEN 53 THEN 'XX000' WHEN 54 THEN '53100' WHEN 55 THEN '58030' WHEN 56 THEN '22012' ELSE '40001' END;
    END $$`);
  const played = [];
  for (let id = 1; id <= 58; id += 1) played.push(await stage.play(0, (tx) => tx.query('UPDATE t SET v = 1 WHERE id = $1', [id])));
  await stage.owner.query('CREATE TRIGGER refuse BEFORE UPDATE ON t FOR EACH ROW WHEN (OLD.id > 50) EXECUTE FUNCTION refuse()');
  const target = await stage.open({ statementMs: 500 });
  const results = await target.invert(undo(played));
  expect(results.filter(({ outcome }) => outcome === 'restored')).toHaveLength(50);
  expect(results.slice(50).map(({ outcome, findings }) => [outcome, findings[0]?.code])).toEqual([
    ['stuck', 'target_error'],
    ['stuck', 'locked'],
    ['stuck', 'target_error'],
    ['stuck', 'permission'],
    ['stuck', 'target_error'],
    ['failed', 'constraint'],
    ['stuck', 'locked'],
    ['stuck', 'timeout'],
  ]);
  expect((await stage.owner.query('SELECT sum(v)::int AS sum FROM t')).rows).toEqual([{ sum: 8 }]);
});

test('U18: a row that an idle session holds leaves one step locked, with its row named; the others are restored', async () => {
  await using stage = await createStage(ITEMS);
  const played = [];
  for (let id = 1; id <= 20; id += 1) played.push(await stage.play(0, (tx) => tx.query('UPDATE items SET price = 0 WHERE id = $1', [id])));
  played.push(await stage.play(0, (tx) => tx.query('UPDATE items SET price = -1 WHERE id = 7')));
  const holder = await stage.owner.connect();
  await holder.query('BEGIN; SELECT FROM items WHERE id = 7 FOR UPDATE');
  const target = await stage.open();
  const batch = undo(played.toReversed());
  const results = await target.invert(batch);
  const held = results.filter(({ outcome }) => outcome === 'stuck');
  expect(held.map(({ step, findings }) => [step, findings[0]?.code, findings[0]?.resource])).toEqual([
    [1, 'locked', 'postgres://shop/public.items/7'],
    [15, 'locked', 'postgres://shop/public.items/7'],
  ]);
  expect(results.filter(({ outcome }) => outcome === 'restored')).toHaveLength(19);
  await holder.query('ROLLBACK');
  holder.release();
  expect((await target.invert(batch)).every(({ outcome }) => outcome === 'restored')).toBe(true);
});

test('a plan learns what a step would also change, although a row of another step is locked', async () => {
  await using stage = await createStage(`${ITEMS}; CREATE TABLE stock (id int PRIMARY KEY, n int); INSERT INTO stock VALUES (1, 1);
    CREATE TABLE log (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int);
    CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (n) VALUES (NEW.n); RETURN NULL; END $$`);
  const item = await stage.play(0, (tx) => tx.query('UPDATE items SET price = 0 WHERE id = 7'));
  const stock = await stage.play(0, (tx) => tx.query('UPDATE stock SET n = 2'));
  await stage.owner.query('CREATE TRIGGER log_it AFTER UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION log_it()');
  const holder = await stage.owner.connect();
  await holder.query('BEGIN; SELECT FROM items WHERE id = 7 FOR UPDATE');
  const steps = undo([item, stock]).steps.map((step) => ({ ...step, knownOrdinals: {} }));
  const rehearsed = await (await stage.open()).rehearse(steps);
  await holder.query('ROLLBACK');
  holder.release();
  expect(rehearsed.map(({ step, outcome, findings }) => [step, outcome, findings[0]?.code])).toEqual([
    [1, 'restored', undefined],
    [2, 'conflicted', 'side_effect'],
  ]);
});

test('a conflict about a value that the agent wrote again names that value', async () => {
  await using stage = await createStage(ITEMS);
  const blind = await stage.play(0, (tx) => tx.query('UPDATE items SET price = price WHERE id = 7'));
  await stage.owner.query('UPDATE items SET price = 0 WHERE id = 7');
  const result = await undoOne(await stage.open(), blind);
  expect(result).toMatchObject({ outcome: 'conflicted', findings: [{ code: 'drift', values: { now: "'0.00'", left: "'7.00'" } }] });
});

test('U18: a table that somebody keeps locked leaves all of its steps locked, and costs the call seconds, not seconds for each step', {
  timeout: 60_000,
}, async () => {
  await using stage = await createStage(`${ITEMS}; CREATE TABLE other (id int PRIMARY KEY, v int); INSERT INTO other VALUES (1, 0)`);
  const played = [await stage.play(0, (tx) => tx.query('UPDATE other SET v = 1'))];
  for (let id = 1; id <= 20; id += 1) played.push(await stage.play(0, (tx) => tx.query('UPDATE items SET price = 0 WHERE id = $1', [id])));
  const target = await stage.open();
  const holder = await stage.owner.connect();
  await holder.query('BEGIN; LOCK TABLE items');
  const results = await target.invert(undo(played));
  await holder.query('ROLLBACK');
  holder.release();
  expect(results.map(({ outcome }) => outcome)).toEqual(['restored', ...Array.from({ length: 20 }, () => 'stuck')]);
  expect(results.slice(1).every(({ findings }) => findings[0]?.code === 'locked')).toBe(true);
});

const HANGING = `${ITEMS}; CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$`;
const hangs = async (stage: Awaited<ReturnType<typeof createStage>>, run: string) => {
  for (let rows = 0; rows === 0; )
    rows =
      (
        await stage.owner.query("SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'", [
          `recant-run/${run}/1`,
        ])
      ).rowCount ?? 0;
};

test('U19: a statement that hangs is cancelled on request: its step wrote nothing and can be sent again', { timeout: 60_000 }, async () => {
  await using stage = await createStage(HANGING);
  const played = [];
  for (let id = 1; id <= 3; id += 1) played.push(await stage.play(0, (tx) => tx.query('UPDATE items SET price = 0 WHERE id = $1', [id])));
  await stage.owner.query('CREATE TRIGGER hang BEFORE UPDATE ON items FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION hang()');
  const target = await stage.open();
  const cancel = new AbortController();
  const batch = undo(played);
  const undoing = target.invert({ ...batch, signal: cancel.signal });
  await hangs(stage, batch.run);
  cancel.abort();
  expect((await undoing)[1]).toMatchObject({ outcome: 'stuck', findings: [{ code: 'timeout' }] });
  expect((await stage.owner.query('SELECT price::int FROM items WHERE id = 2')).rows).toEqual([{ price: 0 }]);
  await stage.owner.query('DROP TRIGGER hang ON items');
  expect((await target.invert(batch)).map(({ outcome }) => outcome)).toEqual(['restored', 'restored', 'restored']);
});

test('U19, U22: a worker that takes over ends the session that hangs, and knows for certain what took effect', {
  timeout: 60_000,
}, async () => {
  await using stage = await createStage(HANGING);
  const bad = await stage.play(0, (tx) => tx.query('UPDATE items SET price = 0 WHERE id = 2'));
  await stage.owner.query('CREATE TRIGGER hang BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION hang()');
  const [first, second] = [await stage.open(), await stage.open()];
  const batch = undo([bad]);
  const undoing = expect(first.invert(batch)).rejects.toMatchObject({ code: 'unreachable' });
  await hangs(stage, batch.run);
  expect(await second.applied(batch.run, [1], '2')).toEqual([]);
  await undoing;
  expect(await first.invert(batch)).toMatchObject([{ findings: [{ code: 'fenced' }] }]);
  await stage.owner.query('DROP TRIGGER hang ON items');
  expect(await second.invert({ ...batch, token: '2' })).toMatchObject([{ outcome: 'restored' }]);
  expect(await second.applied(batch.run, [1], '3')).toMatchObject([{ step: 1, outcome: 'restored' }]);
});
