import type { Finding } from '@recant/connector';
import type { AttemptRef } from '@recant/events';
import type { ClientBase } from 'pg';
import { EXISTS, formatRow } from '../resource.ts';
import { inTarget } from './captured.ts';

const UNREADABLE_SQL = `
SELECT u.n::int AS n, r.schema_name AS schema, r.table_name AS "table", count(*)::int AS changes
FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY u(source, action, attempt, n)
JOIN recant.attempt a ON (a.source, a.action, a.attempt) = (u.source, u.action, u.attempt)
JOIN recant.change c ON c.attempt = a.id AND c.operation = '?' JOIN recant.relation r ON r.id = c.relation GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;

/** I7: an attempt with a change that the target captured and cannot read is not undone in part. One list of findings for each attempt. */
export async function unreadableFindings(client: ClientBase, system: string, refs: readonly AttemptRef[]): Promise<Finding[][]> {
  const { rows } = await client.query<{ n: number; schema: string; table: string; changes: number }>(UNREADABLE_SQL, [
    refs.map((ref) => inTarget(ref, system).source),
    refs.map((ref) => ref.action),
    refs.map((ref) => ref.attempt),
  ]);
  const findings: Finding[][] = refs.map(() => []);
  for (const { n, schema, table, changes } of rows) {
    findings[n - 1]?.push({
      resource: formatRow({ system, schema, table, key: ['?'] }),
      part: EXISTS,
      code: 'image_missing',
      detail: `${changes} of the attempt's changes of ${schema}.${table} cannot be read: the key is too long, or the transaction altered the table first.`,
    });
  }
  return findings;
}

const EXPIRED_SQL = `
SELECT u.n::int AS n, a.expired_at AS at FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY u(source, action, attempt, n)
JOIN recant.attempt a ON (a.source, a.action, a.attempt) = (u.source, u.action, u.attempt) WHERE a.expired_at IS NOT NULL`;

/** When the captured changes of each attempt were deleted; undefined: they are there. */
export async function expiredAt(client: ClientBase, system: string, refs: readonly AttemptRef[]): Promise<(Date | undefined)[]> {
  const { rows } = await client.query<{ n: number; at: Date }>(EXPIRED_SQL, [
    refs.map((ref) => inTarget(ref, system).source),
    refs.map((ref) => ref.action),
    refs.map((ref) => ref.attempt),
  ]);
  const at = new Map(rows.map((row) => [row.n, row.at]));
  return refs.map((_, index) => at.get(index + 1));
}
