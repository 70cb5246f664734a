import type { ClientBase } from 'pg';
import { tableScope } from '../resource.ts';

const DERIVED_SQL = `
SELECT r.schema_name AS schema, r.table_name AS "table", array_agg(DISTINCT s.parts[n] ORDER BY s.parts[n]) AS parts
FROM recant.relation r JOIN recant.shape s ON s.relation = r.id CROSS JOIN LATERAL generate_subscripts(s.attributes, 1) n
WHERE s.attributes[n] = ANY (r.derived) GROUP BY r.id, r.schema_name, r.table_name ORDER BY 1, 2`;

/** Derived columns by table, as parts under every name that they had while changes were captured. */
export async function readDerived(client: ClientBase, system: string): Promise<{ scope: string; parts: string[] }[]> {
  const { rows } = await client.query<{ schema: string; table: string; parts: string[] }>(DERIVED_SQL);
  return rows.map(({ schema, table, parts }) => ({ scope: tableScope(system, schema, table), parts }));
}
