import pg from 'pg';
import { expect, test } from 'vitest';
import { createStage, undoOne } from './stage.ts';

const SCHEMA = `CREATE TABLE t (id int PRIMARY KEY, at timestamptz, f float8, n int); CREATE TABLE plain (id int PRIMARY KEY, n int)`;

/** What the application did without capture, it does with it: each of these succeeds on a table that is not captured. */
test('I15: writes succeed and come back under any settings of the session', async () => {
  await using stage = await createStage(SCHEMA, { agents: 1 });
  await stage.owner.query(`INSERT INTO t SELECT g, '2026-01-02 03:04:05.678+00', 0.1::float8 + g, 0 FROM generate_series(1, 20) g`);
  const target = await stage.open();
  const rows = async () => (await stage.owner.query('SELECT id, at::text, f::text, n FROM t ORDER BY id')).rows;
  for (const settings of [
    `SET datestyle = 'German'; SET timezone = 'Asia/Kathmandu'; SET extra_float_digits = -15`,
    `SET search_path = pg_temp; SET row_security = off`,
    `SET search_path = ''; SET bytea_output = 'escape'; SET intervalstyle = 'iso_8601'; SET quote_all_identifiers = on`,
    `SET standard_conforming_strings = off; SET transform_null_equals = on; SET array_nulls = off; SET xmloption = document`,
    `SET plan_cache_mode = force_generic_plan; SET jit = on; SET enable_seqscan = off`,
    `SET constraint_exclusion = on; SET check_function_bodies = off; SET default_tablespace = ''; SET lock_timeout = '1s'; SET statement_timeout = '5s'`,
    `SET default_transaction_deferrable = on; SET client_min_messages = error; SET synchronous_commit = off`,
  ]) {
    const before = await rows();
    const played = await stage.play(0, async (tx) => {
      await tx.query(settings.replaceAll('SET ', 'SET LOCAL '));
      await tx.query(`UPDATE public.t SET at = at + interval '1 day', f = f / 3, n = n + 1 WHERE id <= 10`);
      await tx.query('DELETE FROM public.t WHERE id > 15');
      await tx.query(`INSERT INTO public.t VALUES (99, '2026-06-01 00:00+00', 1e-300, 1)`);
    });
    expect(await rows(), settings).not.toEqual(before);
    expect(await undoOne(target, played), settings).toMatchObject({ outcome: 'restored', findings: [] });
    expect(await rows(), settings).toEqual(before);
  }
});

test('I15: upserts, MERGE and data-changing WITH are captured in every isolation level, and undone', async () => {
  await using stage = await createStage(SCHEMA, { agents: 1 });
  await stage.owner.query('INSERT INTO plain VALUES (1, 1), (2, 2)');
  const target = await stage.open();
  const rows = async () => (await stage.owner.query('SELECT id, n FROM plain ORDER BY id')).rows;
  for (const isolation of ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'])
    for (const sql of [
      `INSERT INTO plain VALUES (1, 9), (3, 9) ON CONFLICT (id) DO UPDATE SET n = excluded.n`,
      'INSERT INTO plain VALUES (1, 9), (4, 4) ON CONFLICT DO NOTHING',
      `MERGE INTO plain p USING (VALUES (1), (2), (5)) s(id) ON p.id = s.id WHEN MATCHED AND p.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET n = 7 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 5)`,
      'WITH gone AS (DELETE FROM plain RETURNING *) INSERT INTO plain SELECT id + 10, n FROM gone',
    ]) {
      const before = await rows();
      const played = await stage.play(0, async (tx) => {
        await tx.query('SAVEPOINT s');
        await tx.query(`ROLLBACK TO s; RELEASE s; ${sql}`);
      });
      expect(await rows(), sql).not.toEqual(before);
      expect((await undoOne(target, played)).outcome, `${isolation}: ${sql}`).toBe('restored');
      expect(await rows(), sql).toEqual(before);
    }
});

test('a prepared transaction is named as open until it ends, and is captured under its login when it commits', async () => {
  await using stage = await createStage(SCHEMA, { agents: 1 });
  await stage.owner.query('INSERT INTO plain VALUES (1, 1)');
  const target = await stage.open();
  const client = new pg.Client({ connectionString: agentUrl(stage.ownerUrl, stage.agents[0] ?? '') });
  await client.connect();
  await client.query(`BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE plain SET n = 2; PREPARE TRANSACTION 'prepared_by_agent'`);
  expect(await target.drain?.openTransactions()).toMatchObject([{ login: stage.agents[0], gid: 'prepared_by_agent' }]);
  await stage.owner.query('SELECT recant.absorb()');
  expect((await stage.owner.query("SELECT FROM recant.change WHERE operation = 'u'")).rowCount).toBe(0);
  await client.query(`COMMIT PREPARED 'prepared_by_agent'`);
  await client.end();
  await stage.owner.query('SELECT recant.absorb()');
  expect((await stage.owner.query("SELECT login, operation FROM recant.change WHERE operation = 'u'")).rows).toEqual([
    { login: stage.agents[0], operation: 'u' },
  ]);
  expect(await target.drain?.openTransactions()).toEqual([]);
});

const agentUrl = (ownerUrl: string, login: string): string => Object.assign(new URL(ownerUrl), { username: login, password: login }).href;
