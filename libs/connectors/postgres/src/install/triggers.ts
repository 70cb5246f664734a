import { createHash } from 'node:crypto';
import { type ClientBase, escapeIdentifier } from 'pg';
import { qualified, type Table } from './catalogue.ts';
import { captureTriggers, TRIGGER_PREFIX } from './trigger-sql.ts';

export interface Recording {
  readonly history: boolean;
  /** Names of derived columns. */
  readonly derived: readonly string[];
}

/** Triggers of captured tables and their partitions that are missing or not as they should be. tgtype: 29 AFTER INSERT OR DELETE OR UPDATE FOR EACH ROW, 34 BEFORE TRUNCATE FOR EACH STATEMENT. */
export const TRIGGERS_SQL = `
SELECT r.id AS relation, m.relid, n.nspname AS schema, c.relname AS "table", w.kind, m.relid::regclass::text AS member, t.tgenabled AS enabled
FROM recant.relation r JOIN pg_class c ON c.oid = r.relid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT p.relid FROM pg_partition_tree(r.relid) p UNION SELECT r.relid) m
JOIN pg_class mc ON mc.oid = m.relid AND mc.relkind IN ('r', 'p')
CROSS JOIN (VALUES ('row', '${TRIGGER_PREFIX}2_row', 29, 'capture_row'), ('truncate', '${TRIGGER_PREFIX}1_truncate', 34, 'capture_truncate')) w(kind, name, type, function)
LEFT JOIN pg_trigger t ON t.tgrelid = m.relid AND (t.tgname = w.name OR (w.kind = 'row' AND starts_with(t.tgname::text, w.name || '_')))
LEFT JOIN pg_proc p ON p.oid = t.tgfoid
WHERE r.captured AND (t.oid IS NULL OR t.tgenabled <> 'A' OR t.tgtype <> w.type OR t.tgqual IS NOT NULL OR t.tgattr::text <> '' OR p.proname <> w.function
  OR p.pronamespace <> to_regnamespace('recant'))`;

/** Those of them that may have missed something: of a TRUNCATE only where the storage of the table was ever replaced (`relfilenode`). */
export const BROKEN_TRIGGERS_SQL = `SELECT t.relation, t.relid, t.kind FROM (${TRIGGERS_SQL}) t JOIN pg_class c ON c.oid = t.relid WHERE t.kind = 'row' OR c.relkind = 'r' AND c.relfilenode <> c.oid`;

/** Registers a table and gives it, and each of its partitions, their triggers. Idempotent. */
export async function captureTable(client: ClientBase, table: Table, { history, derived }: Recording): Promise<void> {
  const attributes = (names: readonly string[]) => names.map((name) => table.columns.find((column) => column.name === name)?.attnum ?? 0);
  await client.query(
    `INSERT INTO recant.relation (relid, schema_name, table_name, history, captured, key_columns, derived) VALUES ($1, $2, $3, $4, true, $5, $6)
     ON CONFLICT (relid) DO UPDATE SET schema_name = excluded.schema_name, table_name = excluded.table_name, history = excluded.history, captured = true, marked = false,
       key_columns = excluded.key_columns, derived = excluded.derived`,
    [table.relid, table.schema, table.name, history, table.key.length === 0 ? null : attributes(table.key), attributes(derived)],
  );
  const shape = await recordShape(client, table);
  const plain = !table.columns.some((column) => column.settings);
  await alignTriggers(client, table.relid, captureTriggers(qualified(table), { row: table, shape, plain }), qualified(table));
  for (const partition of table.partitioned ? await partitionsOf(client, table.relid) : []) {
    await alignTriggers(client, partition.relid, captureTriggers(partition.name, {}), partition.name);
  }
}

/** Records the columns as they are, so that a trigger need not. @returns their hash */
async function recordShape(client: ClientBase, { relid }: Table): Promise<string> {
  const { rows } = await client.query<{ hash: string }>(
    `SELECT s.hash::text, recant.shape_id(r.id, r.relid, r.relid, s.hash, s.signature) FROM recant.relation r
     CROSS JOIN LATERAL (SELECT recant.shape_hash(r.relid) AS hash, recant.signature(r.relid) AS signature) s WHERE r.relid = $1`,
    [relid],
  );
  return rows[0]?.hash ?? '';
}

/** Partitions at every level below, without foreign ones (they take no TRUNCATE trigger of ours into account). */
export async function partitionsOf(client: ClientBase, relid: number): Promise<{ relid: number; name: string }[]> {
  const { rows } = await client.query<{ relid: string; name: string }>(
    `SELECT c.oid::int8 AS relid, format('%I.%I', n.nspname, c.relname) AS name FROM pg_partition_tree($1::oid) p
     JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.level > 0 AND c.relkind IN ('r', 'p')`,
    [relid],
  );
  return rows.map((row) => ({ ...row, relid: Number(row.relid) }));
}

/** Creates missing triggers and drops unwanted ones; a trigger that is right is not touched, because each change locks the table. */
export async function alignTriggers(client: ClientBase, relid: number, wanted: ReadonlyMap<string, string>, on: string): Promise<void> {
  const { rows } = await client.query<{ name: string; enabled: string; digest: string | null }>(
    `SELECT tgname AS name, tgenabled AS enabled, obj_description(oid, 'pg_trigger') AS digest FROM pg_trigger
     WHERE tgrelid = $1 AND NOT tgisinternal AND tgparentid = 0 AND starts_with(tgname, $2)`,
    [relid, TRIGGER_PREFIX],
  );
  const installed = new Map(rows.map((row) => [row.name, row]));
  for (const [name, { digest }] of installed) {
    if (digest !== digestOf(wanted.get(name))) await client.query(`DROP TRIGGER ${escapeIdentifier(name)} ON ${on}`);
  }
  for (const [name, sql] of wanted) {
    const isSame = installed.get(name)?.digest === digestOf(sql);
    if (!isSame) {
      await client.query(sql);
      await client.query(`COMMENT ON TRIGGER ${escapeIdentifier(name)} ON ${on} IS '${digestOf(sql)}'`);
    }
    if (!isSame || installed.get(name)?.enabled !== 'A') {
      await client.query(`ALTER TABLE ${on} ENABLE ALWAYS TRIGGER ${escapeIdentifier(name)}`);
    }
  }
}

const digestOf = (sql: string | undefined): string =>
  sql === undefined ? '' : createHash('sha256').update(sql).digest('hex').slice(0, 32);

export interface ReleasedTable {
  readonly id: number;
  readonly relid: string;
  /** Quoted. NULL: the table was dropped. */
  readonly name: string | null;
  readonly kind: string | null;
}

/** Captured tables that are no longer wanted. A table that was attached to a captured one stays itself. */
export async function tablesToRelease(client: ClientBase, wanted: readonly Table[]): Promise<ReleasedTable[]> {
  const { rows } = await client.query<ReleasedTable>(
    `SELECT r.id, r.relid::int8, CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END AS name, c.relkind AS kind FROM recant.relation r
     LEFT JOIN pg_class c ON c.oid = r.relid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.captured AND r.relid <> ALL ($1::oid[])
       AND NOT (coalesce(c.relispartition, false) AND EXISTS (SELECT FROM pg_partition_ancestors(r.relid) p WHERE p.relid = ANY ($1::oid[])))`,
    [wanted.map((table) => table.relid)],
  );
  return rows;
}

/** Removes the triggers of one table and its partitions. What was captured of it stays. */
export async function releaseTable(client: ClientBase, { id, relid, name, kind }: ReleasedTable): Promise<void> {
  if (name !== null) {
    await alignTriggers(client, Number(relid), new Map(), name);
    for (const partition of kind === 'p' ? await partitionsOf(client, Number(relid)) : []) {
      await alignTriggers(client, partition.relid, new Map(), partition.name);
    }
  }
  await client.query('UPDATE recant.relation SET captured = false WHERE id = $1', [id]);
}
