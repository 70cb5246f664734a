import { expect, test } from 'vitest';
import { codes, createStage, rowsOf, undo, undoOne } from './stage.ts';

/** Type, value before, value after: each differs only where the type itself would say equal, or where a text form could lose. */
const TYPES: readonly (readonly [type: string, before: string, after: string])[] = [
  ['boolean', 'true', 'false'],
  ['smallint', '-32768', '32767'],
  ['integer', '-2147483648', '0'],
  ['bigint', '9223372036854775807', '-1'],
  ['numeric', '1.0', '1.00'],
  ['numeric(30,10)', "'NaN'", '12345678901234567890.0123456789'],
  ['real', "'-0'", "'0'"],
  ['double precision', '0.1::float8 + 0.2::float8', "'NaN'"],
  ['money', "'-1234.56'::numeric::money", '99.5::numeric::money'],
  ['text', "E'a\\n\\tb\\\\\"''é\\u0001😀'", "''"],
  ['varchar(20)', "'trailing  '", "'trailing'"],
  ['char(6)', "'ab'", "'abc'"],
  ['bpchar', "'ab   '", "'ab'"],
  ['name', "'odd name'", "'other'"],
  ['"char"', "'x'", "''"],
  ['bytea', "'\\x00ff5c27'", "'\\x'"],
  ['date', "'infinity'", "'0044-03-15 BC'"],
  ['time', "'24:00:00'", "'00:00:00.000001'"],
  ['timetz', "'12:00:00.123456+05:30'", "'12:00:00-11'"],
  ['timestamp', "'294276-12-31 23:59:59.999999'", "'-infinity'"],
  ['timestamptz', "'2026-03-29 02:30:00.000001+00'", "'0001-01-01 00:00:00+00 BC'"],
  ['interval', "'1 year -2 months 3 days -04:05:06.000007'", "'30 days'"],
  ['uuid', "'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
  ['json', '\'{"b": 1,  "a":1, "a":2}\'', "'{}'"],
  ['jsonb', '\'{"a": [1, 1.0, null, "\\u00e9"]}\'', "'null'"],
  ['xml', "'<a>1 &amp; 2</a>'", "'text<b/>'"],
  ['inet', "'192.168.0.1/24'", "'192.168.0.1'"],
  ['cidr', "'10.0.0.0/8'", "'::/0'"],
  ['macaddr', "'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'"],
  ['bit(5)', "B'10101'", "B'00000'"],
  ['varbit', "B'1'", "B''"],
  ['point', "'(1e-300,-0)'", "'(0,0)'"],
  ['polygon', "'((0,0),(1,0.1),(1,1))'", "'((0,0))'"],
  ['tsvector', "'''quo''''ted'':1A fat:2,4'", "''"],
  ['tsquery', "'fat & !(rat | ''cat dog'')'", "'a <-> b'"],
  ['pg_lsn', "'16/B374D848'", "'0/0'"],
  ['int[]', "'[2:4]={1,NULL,3}'", "'{}'"],
  ['text[]', "ARRAY['a,b', '{\"x\"}', NULL, 'NULL', '', 'back\\slash']", "'{}'"],
  ['float8[]', "'{{0.1,NaN},{-0,Infinity}}'", "'{0}'"],
  ['timestamptz[]', '\'{"2026-01-01 00:00:00+00",NULL}\'', "'{}'"],
  ['int4range', "'[1,10)'", "'empty'"],
  ['numrange', "'(1.10,)'", "'(1.1,)'"],
  ['tstzrange', "'[2026-01-01 00:00+00,2026-02-01 00:00+00)'", "'(,)'"],
  ['mood', "'it''s, \"odd\"'", "'sad'"],
  ['pair', "ROW('a,\"(b)\\\\', 1.50, '2026-01-01 00:00:00+00')", 'ROW(NULL, NULL, NULL)'],
  ['pair[]', "ARRAY[ROW('x', 1.0, NULL)::pair]", "'{}'"],
  ['positive', '1.10', '1.1'],
  ['regclass', '\'public."Odd.Table"\'', "'public.everything'"],
  ['int', 'NULL', '1'],
  ['text', 'NULL', "''"],
];

const SCHEMA = `
CREATE TYPE mood AS ENUM ('sad', 'it''s, "odd"');
CREATE TYPE pair AS (a text, b numeric, c timestamptz);
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);
CREATE TABLE "Odd.Table" (id int PRIMARY KEY);
CREATE TABLE everything (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ${TYPES.map(([type], n) => `c${n} ${type}`).join(', ')},
  generated text GENERATED ALWAYS AS (c9 || 'x') STORED)`;
const COLUMNS = TYPES.map((_, n) => `c${n}`).join(', ');
const INSERT = `INSERT INTO everything (${COLUMNS}) VALUES (${TYPES.map(([, before]) => before).join(', ')})`;
/** Settings of a session whose text output would not read back. */
const HOSTILE_SETTINGS = `SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; SET extra_float_digits = -3; SET bytea_output = 'escape'; SET timezone = 'Asia/Kolkata'`;

test('every type is restored byte for byte after an update, with any session settings', async () => {
  await using stage = await createStage(SCHEMA, { agents: 1 });
  await stage.owner.query(INSERT);
  const before = await rowsOf(stage.owner, 'everything');
  const played = await stage.play(0, async (tx) => {
    await tx.query(HOSTILE_SETTINGS);
    await tx.query(`UPDATE everything SET ${TYPES.map(([, , after], n) => `c${n} = ${after}`).join(', ')}`);
  });
  expect(await rowsOf(stage.owner, 'everything')).not.toEqual(before);
  const [effect] = played.effects;
  expect(Object.keys(effect?.parts ?? {})).toHaveLength(TYPES.length);
  for (const [part, { before: from, after: to }] of Object.entries(effect?.parts ?? {})) expect([part, from]).not.toEqual([part, to]);
  expect(await undoOne(await stage.open(), played)).toMatchObject({ outcome: 'restored', findings: [] });
  expect(await rowsOf(stage.owner, 'everything')).toEqual(before);
});

test('every type is restored byte for byte after a delete, identity included; generated columns are left to the target', async () => {
  await using stage = await createStage(SCHEMA, { agents: 1 });
  await stage.owner.query(INSERT);
  const before = await rowsOf(stage.owner, 'everything');
  const played = await stage.play(0, async (tx) => {
    await tx.query(HOSTILE_SETTINGS);
    await tx.query('DELETE FROM everything');
  });
  expect(Object.keys(played.effects[0]?.parts ?? {})).not.toContain('generated');
  expect(await undoOne(await stage.open(), played)).toMatchObject({ outcome: 'restored' });
  expect(await rowsOf(stage.owner, 'everything')).toEqual(before);
});

test('a value that is equal only to its type is drift: 1.0 is not 1.00', async () => {
  await using stage = await createStage('CREATE TABLE t (id int PRIMARY KEY, n numeric, f float8)', { agents: 1 });
  await stage.owner.query(`INSERT INTO t VALUES (1, 1, 1)`);
  const played = await stage.play(0, (tx) => tx.query(`UPDATE t SET n = 2.0, f = '-0'`));
  const target = await stage.open();
  // Written past the triggers, as a restore or a superuser would: nothing is left but the value itself.
  await stage.owner.query(
    'ALTER TABLE t DISABLE TRIGGER zz_recant_2_row; UPDATE t SET n = 2.00; ALTER TABLE t ENABLE ALWAYS TRIGGER zz_recant_2_row',
  );
  const result = (await target.invert(undo([played])))[0];
  expect(result).toMatchObject({ outcome: 'conflicted', findings: [{ part: 'n', code: 'drift' }] });
  expect(codes(result)).toEqual(['drift']);
});
