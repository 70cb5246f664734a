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

const GONE_SQL = `
SELECT u.n::int AS n, a.expired_at AS "expiredAt", e.erased_at AS "erasedAt", e.subject FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY u(source, action, attempt, n)
JOIN recant.attempt a ON (a.source, a.action, a.attempt) = (u.source, u.action, u.attempt) LEFT JOIN recant.erased e ON e.attempt = a.id
WHERE a.expired_at IS NOT NULL OR e.attempt IS NOT NULL`;

/** Why an attempt has no images, or not all, and never will have them again. */
export interface ImagesGone {
  readonly outcome: 'expired' | 'irreversible';
  readonly code: 'image_missing' | 'erased';
  readonly detail: string;
}

/** One for each attempt; undefined: its images are there. */
export async function imagesGone(client: ClientBase, system: string, refs: readonly AttemptRef[]): Promise<(ImagesGone | undefined)[]> {
  const { rows } = await client.query<GoneRow>(GONE_SQL, [
    refs.map((ref) => inTarget(ref, system).source),
    refs.map((ref) => ref.action),
    refs.map((ref) => ref.attempt),
  ]);
  const gone = new Map(rows.map((row) => [row.n, describe(row)]));
  return refs.map((_, index) => gone.get(index + 1));
}

interface GoneRow {
  readonly n: number;
  readonly expiredAt: Date | null;
  readonly erasedAt: Date | null;
  readonly subject: string | null;
}

function describe({ expiredAt, erasedAt, subject }: GoneRow): ImagesGone {
  if (erasedAt !== null) {
    const detail = `Images of this attempt were erased with subject ${subject} at ${erasedAt.toISOString()}.`;
    return { outcome: 'irreversible', code: 'erased', detail };
  }
  const detail = `The captured changes of this attempt expired; they were deleted at ${expiredAt?.toISOString()}.`;
  return { outcome: 'expired', code: 'image_missing', detail };
}
