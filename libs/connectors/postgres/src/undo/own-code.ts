import type { ClientBase } from 'pg';
import type { CapturedTable } from './registry.ts';

const OWN_CODE_SQL = `
SELECT r.relid::int8 AS relid FROM unnest($1::oid[]) r(relid)
WHERE EXISTS (
  SELECT FROM (SELECT t.relid::oid FROM pg_partition_tree(r.relid) t UNION SELECT r.relid) m(relid)
  JOIN pg_trigger g ON g.tgrelid = m.relid JOIN pg_proc p ON p.oid = g.tgfoid
  WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND p.pronamespace <> 'recant'::regnamespace)
OR EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = r.relid AND w.ev_type <> '1')`;

/**
 * Tables, by relation id, with triggers or rules of their owner's: what these do can depend on the order in which steps are written, so that each step is written by itself.
 */
export async function readOwnCode(client: ClientBase, tables: readonly CapturedTable[]): Promise<readonly number[]> {
  const { rows } = await client.query<{ relid: string }>(OWN_CODE_SQL, [tables.map(({ table }) => table.relid)]);
  const found = new Set(rows.map(({ relid }) => Number(relid)));
  return tables.filter(({ table }) => found.has(table.relid)).map(({ relation }) => relation);
}
