import type { UncapturedTable, WhoAndWhen } from '@recant/connector';
import type { ClientBase } from 'pg';
import { IS_MARKED } from './left-out.ts';
import { belongsTo } from './logins-of.ts';
import { BROKEN_TRIGGERS_SQL } from './triggers.ts';

const WRITES = `'INSERT, UPDATE, DELETE, TRUNCATE'`;

/** Tables that were made after `connect`, or that it could neither capture nor mark, until a later one did: what was written there in between is unknown. */
export const UNWATCHED_TABLES_SQL = `
CREATE TABLE IF NOT EXISTS recant.connected (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS recant.unwatched (
  relid oid PRIMARY KEY,
  schema_name text NOT NULL,
  table_name text NOT NULL,
  from_at timestamptz NOT NULL,
  to_at timestamptz NOT NULL
);
-- Agents' logins that could drop a captured table, as of the last \`connect\` that saw it: of a table that is gone nobody can say.
CREATE TABLE IF NOT EXISTS recant.dropper (relid oid, login name, PRIMARY KEY (relid, login));`;

/** Before `connect` captures or marks a table that an agent's login can write: it was new since the last one, or left out. */
export async function recordUnwatched(client: ClientBase, relid: number): Promise<void> {
  await client.query(
    `INSERT INTO recant.unwatched AS w SELECT c.oid, n.nspname, c.relname, coalesce(u.since, y.at), clock_timestamp()
     FROM recant.connected y, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN recant.uncovered u ON u.relid = c.oid
     WHERE c.oid = $1 AND NOT EXISTS (SELECT FROM recant.relation r WHERE r.relid = c.oid AND r.captured) AND NOT ${IS_MARKED}
       AND EXISTS (SELECT FROM recant.agent g JOIN pg_roles o ON o.rolname = g.login WHERE has_table_privilege(g.login, c.oid, ${WRITES}))
     ON CONFLICT (relid) DO UPDATE SET from_at = least(w.from_at, excluded.from_at), to_at = excluded.to_at`,
    [relid],
  );
}

/** Captured tables and partitions whose trigger is missing or does not capture: of a TRUNCATE only where a right and a new storage say that there may have been one. */
const BROKEN_SQL = `
  SELECT DISTINCT ON (c.oid) c.oid AS relid, n.nspname AS schema_name, c.relname AS table_name, y.at AS from_at, CASE b.kind WHEN 'row' THEN ${WRITES} ELSE 'TRUNCATE' END AS rights
  FROM recant.connected y CROSS JOIN (${BROKEN_TRIGGERS_SQL}) b JOIN pg_class c ON c.oid = b.relid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid, b.kind`;

/** Before `connect` repairs triggers. Until it ends what is written there stays unknown. */
export async function recordBroken(client: ClientBase): Promise<void> {
  await client.query(
    `INSERT INTO recant.unwatched AS w SELECT b.relid, b.schema_name, b.table_name, b.from_at, 'infinity' FROM (${BROKEN_SQL}) b
     WHERE EXISTS (SELECT FROM recant.agent g JOIN pg_roles o ON o.rolname = g.login WHERE has_table_privilege(g.login, b.relid, b.rights))
     ON CONFLICT (relid) DO UPDATE SET from_at = least(w.from_at, excluded.from_at), to_at = excluded.to_at`,
  );
}

/** Captured tables that are gone: what was dropped with them by a login that could do so is unknown. */
const DROPPED_SQL = `
  SELECT r.relid, r.schema_name, r.table_name, y.at AS from_at FROM recant.connected y, recant.relation r
  WHERE r.captured AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relid) AND EXISTS (SELECT FROM recant.dropper d WHERE d.relid = r.relid)`;

/** Before `connect` forgets tables that are gone. */
export async function recordDropped(client: ClientBase): Promise<void> {
  await client.query(
    `INSERT INTO recant.unwatched AS w SELECT d.relid, d.schema_name, d.table_name, d.from_at, clock_timestamp() FROM (${DROPPED_SQL}) d
     ON CONFLICT (relid) DO UPDATE SET from_at = least(w.from_at, excluded.from_at), to_at = excluded.to_at`,
  );
}

/** Members of the owner of a table or of its schema, superusers included. */
export async function noteDroppers(client: ClientBase): Promise<void> {
  await client.query('DELETE FROM recant.dropper d WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = d.relid)');
  await client.query(
    `INSERT INTO recant.dropper (relid, login) SELECT c.oid, o.rolname FROM recant.relation r JOIN pg_class c ON c.oid = r.relid JOIN pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN recant.agent g JOIN pg_roles o ON o.rolname = g.login
     WHERE r.captured AND (pg_has_role(o.oid, c.relowner, 'MEMBER') OR pg_has_role(o.oid, n.nspowner, 'MEMBER'))`,
  );
}

/** When the last `connect` ended: from here on a new table is unknown to it. */
export async function noteConnected(client: ClientBase): Promise<void> {
  await client.query(`UPDATE recant.unwatched SET to_at = clock_timestamp() WHERE to_at = 'infinity'`);
  await client.query('INSERT INTO recant.connected (at) VALUES (clock_timestamp()) ON CONFLICT (only_row) DO UPDATE SET at = excluded.at');
}

/** Who could write: rights as they are now. Of a captured table that was dropped those who could drop it, of any other dropped table everybody. */
const READ_SQL = `
WITH logins AS (
  SELECT g.login FROM recant.agent g JOIN pg_roles o ON o.rolname = g.login
  WHERE $1::text[] IS NULL OR g.agent = ANY ($1) OR ${belongsTo('g.login', 'g.source_prefix', '$2::text[]')}),
tables AS (
  SELECT u.relid, u.schema_name, u.table_name, u.from_at, nullif(u.to_at, 'infinity') AS to_at, ${WRITES} AS rights FROM recant.unwatched u
  UNION ALL
  SELECT b.relid, b.schema_name, b.table_name, b.from_at, NULL, b.rights FROM (${BROKEN_SQL}) b
  UNION ALL
  SELECT d.relid, d.schema_name, d.table_name, d.from_at, NULL, ${WRITES} FROM (${DROPPED_SQL}) d
  UNION ALL
  SELECT c.oid, n.nspname, c.relname, coalesce(u.since, y.at), NULL, ${WRITES} FROM recant.connected y, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN recant.uncovered u ON u.relid = c.oid
  WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND (NOT c.relispartition OR c.relkind = 'f')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'recant') AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM recant.relation r WHERE r.relid = c.oid AND r.captured) AND NOT ${IS_MARKED})
SELECT t.schema_name || '.' || t.table_name AS "table", array_agg(l.login::text ORDER BY l.login) AS logins, t.from_at AS "from", t.to_at AS "to", c.oid IS NULL AS dropped
FROM tables t CROSS JOIN logins l LEFT JOIN pg_class c ON c.oid = t.relid
WHERE CASE WHEN c.oid IS NOT NULL THEN has_table_privilege(l.login, c.oid, t.rights)
    ELSE coalesce((SELECT bool_or(d.login = l.login) FROM recant.dropper d WHERE d.relid = t.relid), true) END
  AND ($3::timestamptz IS NULL OR t.to_at IS NULL OR t.to_at >= $3) AND ($4::timestamptz IS NULL OR t.from_at < $4)
GROUP BY t.relid, t.schema_name, t.table_name, t.from_at, t.to_at, c.oid ORDER BY 1, 3`;

/** Tables that a selected agent's login could write in this time without being captured. */
export async function readUnwatched(
  client: ClientBase,
  { agents, sources, fromMs, toMs }: WhoAndWhen,
): Promise<readonly UncapturedTable[]> {
  const at = (ms: number | undefined) => (ms === undefined ? null : new Date(ms));
  const { rows } = await client.query<{ table: string; logins: string[]; from: Date; to: Date | null; dropped: boolean }>(READ_SQL, [
    agents ?? null,
    sources,
    at(fromMs),
    at(toMs),
  ]);
  return rows.map(({ table, logins, from, to, dropped }) => ({
    table,
    logins,
    from: from.toISOString(),
    ...(to === null ? {} : { to: to.toISOString() }),
    ...(dropped && { dropped }),
  }));
}
