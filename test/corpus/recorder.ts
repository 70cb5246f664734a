import type { Client } from 'pg';
import { PRIMARY_KEYS, TABLES, type Table } from './retail-schema.ts';

/**
 * The harness's own record of every row change, written by its own triggers next to Recant's; the comparison relies on it.
 * A tool call names itself in `harness.call`, and the columns that an update sets in `harness.columns`.
 */
const RECORDER = `
  CREATE SCHEMA harness;
  CREATE TABLE harness.change (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, call text, relation text NOT NULL, operation text NOT NULL, columns text, old jsonb, new jsonb);
  CREATE FUNCTION harness.record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
  BEGIN
    INSERT INTO harness.change (call, relation, operation, columns, old, new) VALUES (
      nullif(current_setting('harness.call', true), ''), TG_TABLE_NAME, TG_OP, current_setting('harness.columns', true),
      CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
  END $$;
`;

export async function installRecorder(db: Client): Promise<void> {
  await db.query(RECORDER);
  for (const table of TABLES) {
    await db.query(
      `CREATE TRIGGER harness_record AFTER INSERT OR UPDATE OR DELETE ON "${table}" FOR EACH ROW EXECUTE FUNCTION harness.record()`,
    );
  }
}

export interface Change {
  readonly call: string | null;
  readonly relation: Table;
  readonly operation: 'INSERT' | 'UPDATE' | 'DELETE';
  readonly columns: string | null;
  readonly old: Cells | null;
  readonly new: Cells | null;
}
export type Cells = Readonly<Record<string, unknown>>;
/** Every cell as JSON text, by `table|key`, then column. */
export type Database = Map<string, Map<string, string>>;

const keyOf = (table: Table, row: Cells): string => `${table}|${PRIMARY_KEYS[table].map((column) => String(row[column])).join('|')}`;
const cellsOf = (row: Cells): Map<string, string> => new Map(Object.entries(row).map(([column, value]) => [column, JSON.stringify(value)]));

export async function readDatabase(db: Client): Promise<Database> {
  const database: Database = new Map();
  for (const table of TABLES) {
    const { rows } = await db.query<{ row: Cells }>(`SELECT to_jsonb(t) AS row FROM "${table}" t`);
    for (const { row } of rows) database.set(keyOf(table, row), cellsOf(row));
  }
  return database;
}

export async function readChanges(db: Client): Promise<Change[]> {
  return (await db.query<Change>('SELECT call, relation, operation, columns, old, new FROM harness.change ORDER BY seq')).rows;
}

/** The starting database with the changes of every call that is not undone, in commit order of each row. */
export function replay(start: Database, changes: readonly Change[], undoneCalls: ReadonlySet<string>): Database {
  const database: Database = new Map([...start].map(([key, cells]) => [key, new Map(cells)]));
  for (const change of changes) {
    if (change.call === null || undoneCalls.has(change.call)) continue;
    apply(database, change);
  }
  return database;
}

function apply(database: Database, { relation, operation, columns, old, new: row }: Change): void {
  if (operation === 'DELETE') {
    database.delete(keyOf(relation, old as Cells));
    return;
  }
  const key = keyOf(relation, row as Cells);
  if (operation === 'INSERT') {
    database.set(key, cellsOf(row as Cells));
    return;
  }
  const cells = database.get(key);
  if (cells === undefined) throw new Error(`A call that is not undone updates ${key}, which an undone call inserted`);
  for (const column of (columns ?? '').split(',')) cells.set(column, JSON.stringify((row as Cells)[column]));
}

export interface Mismatch {
  readonly cell: string;
  readonly expected: string | undefined;
  readonly found: string | undefined;
}

export function compare(expected: Database, found: Database): Mismatch[] {
  const mismatches: Mismatch[] = [];
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const left = expected.get(key);
    const right = found.get(key);
    for (const column of new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])) {
      if (left?.get(column) !== right?.get(column))
        mismatches.push({ cell: `${key}.${column}`, expected: left?.get(column), found: right?.get(column) });
    }
  }
  return mismatches;
}
