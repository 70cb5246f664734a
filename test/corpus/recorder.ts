import type { Client } from 'pg';

/**
 * The harness's own record of every row change, written by its own triggers next to Recant's; the comparison relies on it. A call names itself in
 * `harness.call`.
 */
const RECORDER = `
  CREATE SCHEMA harness;
  CREATE TABLE harness.change (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, call text, relation text NOT NULL, operation text NOT NULL, old jsonb, new jsonb);
  CREATE FUNCTION harness.record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
  BEGIN
    INSERT INTO harness.change (call, relation, operation, old, new) VALUES (
      nullif(current_setting('harness.call', true), ''), TG_TABLE_NAME, TG_OP,
      CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
  END $$;
`;

/** The table of the record. */
export const RECORD = 'harness.change';

/** Columns of the primary key by table of schema `public`. Empty: rows are compared by their content. */
export type Keys = ReadonlyMap<string, readonly string[]>;

const KEYS_SQL = `SELECT c.relname AS "table", coalesce((SELECT json_agg(a.attname ORDER BY k.n) FROM pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
    WHERE i.indrelid = c.oid AND i.indisprimary), '[]') AS key
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`;

/** Starts the record on every table that there is. */
export async function installRecorder(db: Client): Promise<Keys> {
  const { rows } = await db.query<{ table: string; key: string[] }>(KEYS_SQL);
  await db.query(RECORDER);
  for (const { table } of rows) {
    await db.query(
      `CREATE TRIGGER harness_record AFTER INSERT OR UPDATE OR DELETE ON "${table}" FOR EACH ROW EXECUTE FUNCTION harness.record()`,
    );
  }
  return new Map(rows.map(({ table, key }) => [table, key]));
}

export interface Change {
  readonly call: string | null;
  readonly relation: string;
  readonly operation: 'INSERT' | 'UPDATE' | 'DELETE';
  readonly old: Cells | null;
  readonly new: Cells | null;
}
export type Cells = Readonly<Record<string, unknown>>;
/** Every cell as JSON text, by `table|key`, then column. */
export type Database = Map<string, Map<string, string>>;

function keyOf(keys: Keys, table: string, row: Cells): string {
  const columns = keys.get(table) ?? [];
  return `${table}|${columns.length === 0 ? JSON.stringify(row) : columns.map((column) => String(row[column])).join('|')}`;
}
const cellsOf = (row: Cells): Map<string, string> => new Map(Object.entries(row).map(([column, value]) => [column, JSON.stringify(value)]));

export async function readDatabase(db: Client, keys: Keys): Promise<Database> {
  const database: Database = new Map();
  for (const table of keys.keys()) {
    const { rows } = await db.query<{ row: Cells }>(`SELECT to_jsonb(t) AS row FROM "${table}" t`);
    for (const { row } of rows) database.set(keyOf(keys, table, row), cellsOf(row));
  }
  return database;
}

export async function readChanges(db: Client): Promise<Change[]> {
  return (await db.query<Change>('SELECT call, relation, operation, old, new FROM harness.change ORDER BY seq')).rows;
}

/** The starting database with the changes of every call that is not undone, in commit order of each row. */
export function replay(start: Database, changes: readonly Change[], undoneCalls: ReadonlySet<string>, keys: Keys): Database {
  const database: Database = new Map([...start].map(([key, cells]) => [key, new Map(cells)]));
  for (const change of changes) {
    if (change.call === null || undoneCalls.has(change.call)) continue;
    apply(database, change, keys);
  }
  return database;
}

/** An update writes the columns whose value changed; a changed key moves the whole row. */
function apply(database: Database, { relation, old, new: row }: Change, keys: Keys): void {
  const [oldKey, key] = [old && keyOf(keys, relation, old), row && keyOf(keys, relation, row)];
  if (oldKey !== null && oldKey !== key) database.delete(oldKey);
  if (row === null || key === null) return;
  if (old === null || oldKey !== key) {
    database.set(key, cellsOf(row));
    return;
  }
  const cells = database.get(key);
  if (cells === undefined) throw new Error(`A call that is not undone updates ${key}, which an undone call inserted`);
  for (const [column, value] of cellsOf(row)) if (JSON.stringify(old[column]) !== value) cells.set(column, value);
}

export interface Mismatch {
  readonly cell: string;
  readonly expected: string | undefined;
  readonly found: string | undefined;
}

/** Columns `table.column` in `derived` are the target's own. */
export function compare(expected: Database, found: Database, derived: ReadonlySet<string>): Mismatch[] {
  const mismatches: Mismatch[] = [];
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const left = expected.get(key);
    const right = found.get(key);
    for (const column of new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])) {
      const isDerived = left !== undefined && right !== undefined && derived.has(`${key.slice(0, key.indexOf('|'))}.${column}`);
      if (!isDerived && left?.get(column) !== right?.get(column))
        mismatches.push({ cell: `${key}.${column}`, expected: left?.get(column), found: right?.get(column) });
    }
  }
  return mismatches;
}
