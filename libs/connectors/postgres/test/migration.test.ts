import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresSystem } from '../src/system.ts';
import { drained } from './drained.ts';
import { createStage, nextAction, type Played, rowsOf, type Stage, SYSTEM, undo, undoOne } from './stage.ts';

const SCHEMA = `CREATE TABLE tickets (id int, region text, state text, price int, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE tickets_eu PARTITION OF tickets FOR VALUES IN ('eu');
CREATE TABLE tickets_us PARTITION OF tickets FOR VALUES IN ('us');
CREATE TABLE tickets_asia (note text, price int, id int, region text, state text, PRIMARY KEY (id, region));
INSERT INTO tickets SELECT g, r, 'open', g, 'note ' || g FROM generate_series(1, 60) g, unnest('{eu,us}'::text[]) r;
INSERT INTO tickets_asia SELECT 'note ' || g, g, g, 'asia', 'open' FROM generate_series(1, 60) g`;

/** Each step is one that an application's own migration would run. Columns `state` and `id` stay, which is what the writers use. */
const MIGRATION = [
  'ALTER TABLE tickets ADD COLUMN opened timestamptz',
  'ALTER TABLE tickets ADD COLUMN priority int NOT NULL DEFAULT 3',
  'ALTER TABLE tickets RENAME COLUMN note TO remark',
  'ALTER TABLE tickets ALTER COLUMN price TYPE numeric(12,2)',
  'ALTER TABLE tickets DROP COLUMN opened',
  `CREATE TABLE tickets_africa PARTITION OF tickets FOR VALUES IN ('africa')`,
  `ALTER TABLE tickets_asia ADD COLUMN priority int NOT NULL DEFAULT 3; ALTER TABLE tickets_asia RENAME COLUMN note TO remark;
   ALTER TABLE tickets_asia ALTER COLUMN price TYPE numeric(12,2); ALTER TABLE tickets ATTACH PARTITION tickets_asia FOR VALUES IN ('asia')`,
  'ALTER TABLE tickets RENAME TO requests; ALTER TABLE requests RENAME TO tickets',
] as const;

const WRITERS = 3;

interface Load {
  readonly written: number;
  readonly failures: readonly string[];
  stop(): Promise<void>;
}

/** Writers of the application: each updates, deletes and inserts rows 31 to 60 through a login that names no attempt. */
function startLoad(stage: Stage): Load {
  const failures: string[] = [];
  let [written, running] = [0, true];
  const write = async (writer: number) => {
    const client = new pg.Client({ connectionString: stage.ownerUrl });
    await client.connect();
    for (let n = 0; running && failures.length === 0; n += 1) {
      const id = 31 + ((n * WRITERS + writer) % 30);
      const region = n % 2 === 0 ? 'eu' : 'us';
      const statements = [
        [`UPDATE tickets SET state = $1 WHERE id = $2 AND region = $3`, [`state ${n}`, id, region]],
        [`DELETE FROM tickets WHERE id = $1 AND region = $2`, [id, region]],
        [
          `INSERT INTO tickets (id, region, state) VALUES ($1, $2, 'new') ON CONFLICT (id, region) DO UPDATE SET state = 'again'`,
          [id, region],
        ],
      ] as const;
      for (const [text, values] of statements) {
        await client.query(text, [...values]).then(
          () => {
            written += 1;
          },
          (error: Error) => failures.push(`${text}: ${error.message}`),
        );
      }
    }
    await client.end();
  };
  const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
  return {
    get written() {
      return written;
    },
    failures,
    async stop() {
      running = false;
      await Promise.all(writers);
    },
  };
}

async function migrateUnderLoad(stage: Stage, between: (step: number) => Promise<unknown>): Promise<Load> {
  const load = startLoad(stage);
  const underLoad = (from = load.written) => waitUntil(() => load.written > from + WRITERS || load.failures.length > 0);
  try {
    for (const [step, statement] of MIGRATION.entries()) {
      await underLoad();
      await stage.owner.query(statement);
      await between(step);
    }
    await underLoad();
  } finally {
    await load.stop();
  }
  return load;
}

test('I15: a migration under load fails no write of the application; attempts before and within it are undone, or name the column', async () => {
  await using stage = await createStage(SCHEMA);
  const played: Played[] = [];
  const play = async (id: number) => {
    played.push(await stage.play(0, (tx) => tx.query(`UPDATE tickets SET state = 'wrong' WHERE id = $1 AND region = 'eu'`, [id])));
    played.push(await stage.play(1, (tx) => tx.query(`DELETE FROM tickets WHERE id = $1 AND region = 'us'`, [id])));
  };
  await play(1);
  const repriced = await stage.play(0, (tx) => tx.query(`UPDATE tickets SET price = 0 WHERE id = 30 AND region = 'eu'`));
  const renamed = await stage.play(0, (tx) => tx.query(`UPDATE tickets SET note = 'wrong' WHERE id = 29 AND region = 'eu'`));
  const load = await migrateUnderLoad(stage, (step) => play(step + 2));
  expect(load.failures).toEqual([]);
  expect(load.written).toBeGreaterThan(MIGRATION.length * WRITERS);
  const target = await stage.open();
  const results = await target.invert(undo([repriced, renamed, ...played].toReversed()));
  const stuck = results.filter(({ outcome }) => outcome !== 'restored').flatMap(({ findings }) => findings.map(({ detail }) => detail));
  // Attempts from before the new type: a deleted row's old price, and the price that was set.
  for (const detail of stuck) expect(detail).toMatch(/^Column (price|opened) /);
  expect(stuck.some((detail) => /had type integer .* has type numeric/.test(detail))).toBe(true);
  expect(results.filter(({ outcome }) => outcome === 'restored').length).toBeGreaterThan(MIGRATION.length);
  const { rows } = await stage.owner.query(`SELECT count(*)::int AS n FROM tickets WHERE state = 'wrong'`);
  expect(rows).toEqual([{ n: 0 }]);
  const remarks = await stage.owner.query(`SELECT remark FROM tickets WHERE id = 29 AND region = 'eu'`);
  expect(remarks.rows).toEqual([{ remark: 'note 29' }]);
});

test('rows of a partition that was attached or made after connect are captured and come back', async () => {
  await using stage = await createStage(SCHEMA);
  const alone = await stage.play(1, (tx) => tx.query(`UPDATE tickets_asia SET note = 'wrong' WHERE id = 60`));
  for (const statement of MIGRATION) await stage.owner.query(statement);
  const before = await rowsOf(stage.owner, 'tickets');
  const played = await stage.play(0, async (tx) => {
    await tx.query(`UPDATE tickets SET state = 'wrong', price = price / 3 WHERE region = 'asia'`);
    await tx.query(`UPDATE tickets SET region = 'africa' WHERE id < 10 AND region = 'asia'`);
    await tx.query(`DELETE FROM tickets WHERE id > 50`);
  });
  // 60 and 9 updates, 9 of them a delete and an insert, and 30 deletes: each recorded once, though the attached table has two triggers.
  expect(played.effects).toHaveLength(60 + 9 * 2 + 30);
  expect(await undoOne(await stage.open(), played)).toMatchObject({ outcome: 'restored', findings: [] });
  expect(await rowsOf(stage.owner, 'tickets')).toEqual(before);
  await stage.prepare();
  expect(await undoOne(await stage.open(), alone)).toMatchObject({ outcome: 'restored', findings: [] });
  expect((await stage.owner.query('SELECT remark FROM tickets_asia WHERE id = 60')).rows).toEqual([{ remark: 'note 60' }]);
});

test('a new partition that is written and altered before anything is drained comes back, under names with any character', async () => {
  await using stage = await createStage(SCHEMA);
  await stage.owner.query(
    `CREATE TABLE tickets_africa PARTITION OF tickets FOR VALUES IN ('africa'); INSERT INTO tickets VALUES (1, 'africa', 'open', 7, 'note')`,
  );
  const ref = { source: 'recant://agent0/1', action: nextAction(), attempt: 1 };
  const capture = await postgresSystem({ name: SYSTEM, pool: stage.pools[0] as pg.Pool }).capture(ref, []);
  await capture.handle.transaction(async (tx) => {
    await tx.query(`UPDATE tickets SET note = 'wrong' WHERE region = 'africa'`);
    await tx.query(`UPDATE tickets SET state = 'wrong' WHERE region = 'africa'`);
  });
  await capture.release();
  await stage.owner.query(
    `ALTER TABLE tickets RENAME COLUMN note TO "a\n1 2 3 4 \\""b"; ALTER TABLE tickets ADD COLUMN "line\n" text DEFAULT 'x'`,
  );
  const renamed = await stage.play(1, (tx) =>
    tx.query(`UPDATE tickets SET "line\n" = 'wrong', "a\n1 2 3 4 \\""b" = 'worse' WHERE region = 'africa'`),
  );
  const target = await stage.open();
  expect(await undoOne(target, renamed)).toMatchObject({ outcome: 'restored', findings: [] });
  expect(await undoOne(target, { ref, effects: await drained(stage.owner, SYSTEM, ref) })).toMatchObject({
    outcome: 'restored',
    findings: [],
  });
  expect(
    (await stage.owner.query(`SELECT state, "a\n1 2 3 4 \\""b" AS note, "line\n" AS line FROM tickets WHERE region = 'africa'`)).rows,
  ).toEqual([{ state: 'open', note: 'note', line: 'x' }]);
});

test('a column whose text depends on settings comes back whole also where it was added after connect', async () => {
  await using stage = await createStage(`CREATE TABLE plain (id int PRIMARY KEY, n int); INSERT INTO plain VALUES (1, 1)`);
  await stage.owner.query(`ALTER TABLE plain ADD COLUMN at timestamptz, ADD COLUMN ratio float8, ADD COLUMN bytes bytea;
    UPDATE plain SET at = '2026-03-05 10:00:00.123456Z', ratio = 0.1::float8 + 0.2, bytes = '\\x00ff'`);
  const before = await rowsOf(stage.owner, 'plain');
  const played = await stage.play(0, async (tx) => {
    await tx.query(
      `SET LOCAL DateStyle = 'German'; SET LOCAL TimeZone = 'Asia/Kathmandu'; SET LOCAL extra_float_digits = 0; SET LOCAL bytea_output = 'escape'`,
    );
    await tx.query('UPDATE plain SET n = 2, at = now(), ratio = 1, bytes = NULL');
    await tx.query('DELETE FROM plain');
  });
  expect(await undoOne(await stage.open(), played)).toMatchObject({ outcome: 'restored', findings: [] });
  expect(await rowsOf(stage.owner, 'plain')).toEqual(before);
});
