import type { Finding } from '@recant/connector';
import type { ClientBase } from 'pg';

/**
 * Rows that this transaction has written so far in tables that an undo must not write: tables that are not captured, or captured without a key.
 * PostgreSQL's own counters include cascades of foreign keys, triggers and rules, whatever they are. Tables named as history are exempt, and so
 * is schema `recant`. Needs `track_counts` (on by default; only a superuser can change it).
 */
export type WritesOutside = ReadonlyMap<string, number>;

const OUTSIDE_SQL = `
SELECT format('%I.%I', s.schemaname, s.relname) AS "table", (s.n_tup_ins + s.n_tup_upd + s.n_tup_del)::int AS writes
FROM pg_stat_xact_user_tables s
WHERE s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0 AND s.schemaname <> 'recant' AND NOT EXISTS (
  SELECT FROM recant.relation r WHERE r.relid = coalesce(recant.root_of(s.relid), s.relid) AND r.captured AND (r.key_columns IS NOT NULL OR r.history))`;

export async function writesOutside(client: ClientBase): Promise<WritesOutside> {
  const { rows } = await client.query<{ table: string; writes: number }>(OUTSIDE_SQL);
  return new Map(rows.map(({ table, writes }) => [table, writes]));
}

/** One finding for each table that was written since `before`. The step must then be rolled back. */
export async function reachFindings(
  client: ClientBase,
  before: WritesOutside,
  address: Pick<Finding, 'resource' | 'part'>,
): Promise<Finding[]> {
  const now = await writesOutside(client);
  return [...now]
    .filter(([table, writes]) => writes > (before.get(table) ?? 0))
    .map(([table, writes]) => ({
      ...address,
      code: 'reaches_uncaptured',
      detail: `The inverse would change ${writes - (before.get(table) ?? 0)} rows of ${table}, which is not captured. A foreign key or a trigger reaches it.`,
    }));
}
