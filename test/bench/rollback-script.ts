import { type Place, TENANT } from './rollback-place.ts';

/** Positions in the image of a row: id, customer, state, amount, note, n, at. */
const AS_LEFT = `t.state IS NOT DISTINCT FROM d.new[3] AND t.amount::text IS NOT DISTINCT FROM d.new[4] AND t.n::text = d.new[6]`;

/**
 * Undoes what an agent did to a table by one statement for each kind of row: tests that every row is as the agent left it and that nobody changed it later,
 * writes the old values, and leaves in the target what a run leaves there: an attempt and a mark for each step, and its changes with their images.
 */
const inTarget = (table: string, agent: string): readonly string[] => [
  'BEGIN',
  'SELECT recant.absorb()',
  `CREATE TEMP TABLE todo ON COMMIT DROP AS SELECT c.ordinal, c.attempt, c.relation, c.key_hash, c.key[1]::bigint AS id, c.old, c.new, dense_rank() OVER (ORDER BY c.attempt DESC)::int AS step
   FROM recant.change c JOIN recant.attempt a ON a.id = c.attempt JOIN recant.relation r ON r.id = c.relation WHERE r.table_name = '${table}' AND a.login = '${agent}'`,
  'ANALYZE todo',
  `SELECT FROM ${table} t JOIN todo d USING (id) ORDER BY id FOR UPDATE OF t`,
  `DO $$ BEGIN
     IF EXISTS (SELECT FROM todo d LEFT JOIN ${table} t USING (id) WHERE t.id IS NULL OR NOT (${AS_LEFT})) THEN RAISE EXCEPTION 'drift'; END IF;
     IF EXISTS (SELECT FROM todo d JOIN recant.change l ON l.relation = d.relation AND l.key_hash = d.key_hash AND l.ordinal > d.ordinal) THEN RAISE EXCEPTION 'changed later'; END IF;
   END $$`,
  `INSERT INTO recant.attempt (source, action, attempt, login, run, step, settled_at)
   SELECT DISTINCT 'script', '${table}/' || d.step, 1, session_user, '${table}', d.step, now() FROM todo d`,
  `INSERT INTO recant.transaction SELECT pg_current_xact_id(), min(a.id) FROM recant.attempt a WHERE a.run = '${table}'`,
  `UPDATE ${table} t SET state = d.old[3], amount = d.old[4]::numeric, n = d.old[6]::int FROM todo d WHERE t.id = d.id`,
  'SELECT recant.absorb()',
  `UPDATE recant.change c SET attempt = a.id FROM todo d JOIN recant.attempt a ON a.run = '${table}' AND a.step = d.step
   WHERE c.relation = d.relation AND c.key_hash = d.key_hash AND c.xid = pg_current_xact_id()`,
  `INSERT INTO recant.applied (run, step, token, attempt, undoes, result)
   SELECT DISTINCT '${table}', d.step, 1, a.id, d.attempt, jsonb_build_object('step', d.step, 'outcome', 'restored', 'findings', '[]'::jsonb, 'effects', '[]'::jsonb, 'residue', '[]'::jsonb)
   FROM todo d JOIN recant.attempt a ON a.run = '${table}' AND a.step = d.step`,
  `DO $$ BEGIN IF EXISTS (SELECT FROM todo d JOIN ${table} t USING (id) WHERE t.n::text IS DISTINCT FROM d.old[6]) THEN RAISE EXCEPTION 'read back'; END IF; END $$`,
  'COMMIT',
];

const LEDGER_TABLES = ['entry', 'attempt', 'settlement', 'effect'] as const;

/** The rows that the run left in the ledger, as one statement for each table: the script does not even have to make the events. */
const inLedger = (run: string): readonly string[] => [
  'BEGIN',
  `INSERT INTO script.run_step SELECT * FROM recant.run_step WHERE tenant_id = '${TENANT}' AND run_id = '${run}'`,
  ...LEDGER_TABLES.map(
    (
      table,
    ) => `INSERT INTO script.${table} SELECT x.* FROM recant.${table} x JOIN recant.entry e ON (e.tenant_id, e.shard, e.idx) = (x.tenant_id, x.shard, x.idx)
      JOIN recant.source s ON s.tenant_id = e.tenant_id AND s.source_no = e.source_no WHERE s.tenant_id = '${TENANT}' AND s.source LIKE '%/run/${run}'`,
  ),
  'COMMIT',
];

/** @returns seconds of the script over this table, which the agent spoilt as it did the table that `run` undid */
export async function scriptSeconds(place: Place, table: string, agent: string, run: string): Promise<number> {
  await place.ledger.query('DROP SCHEMA IF EXISTS script CASCADE; CREATE SCHEMA script');
  for (const name of ['run_step', ...LEDGER_TABLES])
    await place.ledger.query(`CREATE TABLE script.${name} (LIKE recant.${name} INCLUDING ALL)`);
  for (const database of [place.target, place.ledger]) await database.query('ANALYZE');
  await place.ledger.query('CHECKPOINT');
  const started = performance.now();
  for (const text of inTarget(table, agent)) await place.target.query(text);
  for (const text of inLedger(run)) await place.ledger.query(text);
  return (performance.now() - started) / 1_000;
}
