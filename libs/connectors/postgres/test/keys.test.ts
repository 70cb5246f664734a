import { expect, test, vi } from 'vitest';
import { codes, createStage, undoOne } from './stage.ts';

const SCHEMA = `
CREATE EXTENSION citext;
CREATE TABLE rates (code numeric PRIMARY KEY, amount int);
CREATE TABLE notes (name text PRIMARY KEY, n int);
CREATE TABLE tags (name citext PRIMARY KEY, uses int);
CREATE TABLE posts (id int PRIMARY KEY, comments int DEFAULT 0);
CREATE TABLE comments (id int PRIMARY KEY, post int REFERENCES posts ON DELETE CASCADE ON UPDATE CASCADE);
CREATE FUNCTION count_comments() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE posts SET comments = comments + CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END WHERE id = coalesce(NEW.post, OLD.post); RETURN NULL; END $$;
CREATE FUNCTION move_comment() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE posts SET comments = comments - 1 WHERE id = OLD.post; UPDATE posts SET comments = comments + 1 WHERE id = NEW.post; RETURN NULL; END $$;
CREATE TRIGGER moves AFTER UPDATE OF post ON comments FOR EACH ROW EXECUTE FUNCTION move_comment();
CREATE TRIGGER counts AFTER INSERT OR DELETE ON comments FOR EACH ROW EXECUTE FUNCTION count_comments();
INSERT INTO posts VALUES (1); INSERT INTO comments VALUES (1, 1), (2, 1), (3, 1)`;

test('I5: a key that its index calls equal is one row, however it is written: undone, and guarded against later writes', async () => {
  await using stage = await createStage(SCHEMA);
  const target = await stage.open();
  for (const [table, key] of [
    ['rates', '5.00'],
    ['tags', 'TAG'],
  ]) {
    const made = await stage.play(0, (tx) => tx.query(`INSERT INTO ${table} VALUES ('${key}', 1)`));
    expect(await undoOne(target, made)).toMatchObject({ outcome: 'restored' });
    expect((await stage.owner.query(`SELECT FROM ${table}`)).rowCount).toBe(0);
    const again = await stage.play(0, (tx) => tx.query(`INSERT INTO ${table} VALUES ('${key}', 1)`));
    const second = table === 'rates' ? 'amount' : 'uses';
    await stage.play(1, (tx) => tx.query(`UPDATE ${table} SET ${second} = ${second}`));
    const refused = await undoOne(target, again);
    expect(codes(refused)).toEqual(['later_write']);
    expect((await stage.owner.query(`SELECT FROM ${table}`)).rowCount).toBe(1);
  }
});

test.each([
  { by: 'with the values that it had', insert: `INSERT INTO notes VALUES ('a', 1)`, outcome: 'restored', found: [] },
  { by: 'with other values', insert: `INSERT INTO notes VALUES ('a', 2)`, outcome: 'conflicted', found: ['drift'] },
])(
  'a row that somebody brings back, $by, while its undo waits for the key is decided as it is then',
  async ({ insert, outcome, found }) => {
    await using stage = await createStage(SCHEMA);
    const target = await stage.open();
    await stage.owner.query(`INSERT INTO notes VALUES ('a', 1)`);
    // A changed key goes back by itself, not together with other steps.
    const renamed = await stage.play(0, (tx) => tx.query(`UPDATE notes SET name = 'b'`));
    const other = await stage.owner.connect();
    await other.query('BEGIN');
    await other.query(insert);
    const undone = undoOne(target, renamed);
    await vi.waitUntil(
      async () => (await stage.owner.query(`SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`)).rowCount !== 0,
      {
        timeout: 20_000,
      },
    );
    await other.query('COMMIT');
    other.release();
    const result = await undone;
    expect([result.outcome, codes(result)]).toEqual([outcome, found]);
    expect((await stage.owner.query('SELECT FROM notes')).rowCount).toBe(outcome === 'restored' ? 1 : 2);
  },
);

test('a row that comes back has the old value of a column that a trigger counts', async () => {
  await using stage = await createStage(SCHEMA);
  const target = await stage.open();
  const removed = await stage.play(0, async (tx) => {
    await tx.query('DELETE FROM comments WHERE id = 3');
    await tx.query('DELETE FROM posts');
  });
  expect(await undoOne(target, removed)).toMatchObject({ outcome: 'restored' });
  expect((await stage.owner.query('SELECT comments FROM posts')).rows).toEqual([{ comments: 3 }]);
  expect((await stage.owner.query('SELECT FROM comments')).rowCount).toBe(3);
  const moved = await stage.play(0, (tx) => tx.query('UPDATE posts SET id = 2'));
  expect(await undoOne(target, moved)).toMatchObject({ outcome: 'restored' });
  expect((await stage.owner.query('SELECT * FROM posts')).rows).toEqual([{ id: 1, comments: 3 }]);
});

test('I5: a row does not go while somebody else wrote a column of it that was added later', async () => {
  await using stage = await createStage(SCHEMA);
  const target = await stage.open();
  const made = await stage.play(0, (tx) => tx.query('INSERT INTO posts VALUES (7, 0)'));
  await stage.owner.query('ALTER TABLE posts ADD COLUMN title text');
  await stage.play(1, (tx) => tx.query(`UPDATE posts SET title = 'kept' WHERE id = 7`));
  expect(codes(await undoOne(target, made))).toEqual(['later_write']);
  expect((await stage.owner.query('SELECT title FROM posts WHERE id = 7')).rows).toEqual([{ title: 'kept' }]);
});

test('I7: an attempt with a change that cannot be read is not undone in part', async () => {
  await using stage = await createStage(SCHEMA);
  const target = await stage.open();
  const mixed = await stage.play(0, async (tx) => {
    await tx.query('INSERT INTO rates VALUES (1, 1)');
    await tx.query(`INSERT INTO notes VALUES (repeat('é', 200), 1)`);
  });
  const refused = await undoOne(target, mixed);
  expect(refused.outcome).toBe('conflicted');
  expect(codes(refused)).toContain('image_missing');
  expect((await stage.owner.query('SELECT FROM rates')).rowCount).toBe(1);
});

test('a table without a primary key is identified by a unique index on NOT NULL columns, not by one on columns that can be NULL', async () => {
  await using stage = await createStage(
    `CREATE TABLE badges (maybe int UNIQUE, code text NOT NULL, area int NOT NULL, n int); CREATE UNIQUE INDEX ON badges (n) WHERE n > 0; CREATE UNIQUE INDEX ON badges (area, code);
     INSERT INTO badges VALUES (1, 'a', 1, 0), (NULL, 'b', 1, 0), (NULL, 'a', 2, 0)`,
    { prepare: false },
  );
  expect((await stage.prepare()).tables).toMatchObject([{ key: ['area', 'code'] }]);
  const target = await stage.open();
  const [bad, other] = [
    await stage.play(0, (tx) => tx.query(`UPDATE badges SET maybe = 7 WHERE code = 'b'; DELETE FROM badges WHERE area = 2`)),
    await stage.play(0, (tx) => tx.query(`UPDATE badges SET n = -1 WHERE maybe = 1`)),
  ];
  expect(bad.effects.map(({ resource }) => resource)).toEqual(['1,b', '2,a'].map((key) => `postgres://shop/public.badges/${key}`));
  await stage.owner.query(`UPDATE badges SET n = n WHERE maybe = 1`);
  expect(await undoOne(target, bad)).toMatchObject({ outcome: 'restored' });
  expect(codes(await undoOne(target, other))).toEqual(['later_write']);
  const { rows } = await stage.owner.query('SELECT maybe, code, area, n FROM badges ORDER BY area, code');
  expect(rows.map((row) => Object.values(row))).toEqual([
    [1, 'a', 1, -1],
    [null, 'b', 1, 0],
    [null, 'a', 2, 0],
  ]);
});

test('I5: keys of digits are guarded by their text: 0 and 1 are rows, not whole tables, and 7, 007 and 7 and 18 zeros are three rows', async () => {
  await using stage = await createStage(
    'CREATE TABLE words (word text PRIMARY KEY, n int); CREATE TABLE numbers (id bigint PRIMARY KEY, n int)',
  );
  const target = await stage.open();
  const words = ['0', '1', '2', '7', '007', `7${'0'.repeat(18)}`, '-7', ''];
  const { rows } = await stage.owner.query('SELECT count(DISTINCT recant.key_hash(ARRAY[k]))::int AS n FROM unnest($1::text[]) k', [words]);
  expect(rows[0].n).toBe(words.length);
  const numbers = ['0', '1', '2', '-1', '9223372036854775807', '999999999999999999'];
  for (const [table, column, keys] of [
    ['words', 'word', words],
    ['numbers', 'id', numbers],
  ] as const) {
    await stage.owner.query(`INSERT INTO ${table} SELECT k::${table === 'words' ? 'text' : 'bigint'}, 0 FROM unnest($1::text[]) k`, [keys]);
    const played = [];
    for (const key of keys) played.push(await stage.play(0, (tx) => tx.query(`UPDATE ${table} SET n = 1 WHERE ${column} = '${key}'`)));
    const [guarded, ...free] = played.toReversed();
    await stage.owner.query(`UPDATE ${table} SET n = n WHERE ${column} = $1`, [keys.at(-1)]);
    expect(codes(await undoOne(target, guarded as NonNullable<typeof guarded>))).toEqual(['later_write']);
    for (const one of free) expect(await undoOne(target, one), one.effects[0]?.resource).toMatchObject({ outcome: 'restored' });
  }
});

test('I5: keys are compared with rows of their own table only, in whatever order the target reads', async () => {
  await using stage =
    await createStage(`CREATE TABLE words (word text PRIMARY KEY, n int); CREATE TABLE numbers (id int PRIMARY KEY, n int);
    INSERT INTO words SELECT 'word' || g, 0 FROM generate_series(1, 4) g; INSERT INTO numbers SELECT g, 0 FROM generate_series(1, 5) g`);
  const target = await stage.open();
  const bad = await stage.play(0, (tx) =>
    tx.query(
      'UPDATE words SET n = 1; UPDATE numbers SET n = 1 WHERE id < 5; DELETE FROM numbers WHERE id = 5; INSERT INTO numbers VALUES (6, 1), (7, 1)',
    ),
  );
  // With what the target knows of small tables now, it may compare all keys before it looks for the changes that are meant.
  await stage.owner.query('ANALYZE');
  expect(await undoOne(target, bad)).toMatchObject({ outcome: 'restored', findings: [] });
  const { rows } = await stage.owner.query('SELECT id, n FROM numbers ORDER BY id');
  expect(rows).toEqual([1, 2, 3, 4, 5].map((id) => ({ id, n: 0 })));
});
