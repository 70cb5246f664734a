import type { Client } from 'pg';
import { TABLES, type TableModel } from './schema.ts';

/** Text of every column, by the name that it had at the start. NULL is null. */
export type Cells = ReadonlyMap<string, string | null>;
export interface Row {
  readonly table: string;
  /** Partition and physical version: another one means that the row was written. */
  readonly version: string;
  readonly cells: Cells;
}
/** Rows by `table|key`, keys as their index compares them. */
export type Rows = ReadonlyMap<string, Row>;

/** What one statement did to one row. */
export interface Effect {
  readonly row: string;
  readonly table: string;
  /** Absent: the row did not exist. */
  readonly before: Cells | undefined;
  readonly after: Cells | undefined;
  /** Columns written: those whose value changed; all of them where none changed, or where the row came or went. */
  readonly written: ReadonlySet<string>;
  /** The row lives on under another key. */
  readonly moved?: boolean;
}

/** Names of today, and the ones that they had at the start. Undefined: dropped. */
export interface Names {
  readonly tables: Map<string, string>;
  readonly columns: Map<string, string>;
}
/** @param changing the copy of that table which a history uses */
export const startNames = (changing: string): Names => ({ tables: new Map([[changing, 'changing']]), columns: new Map() });

/** As the key's index compares it. */
export const keyText = (model: TableModel, column: string, value: string | null): string => {
  const type = model.columns.find(({ name }) => name === column)?.type;
  if (value === null) return '';
  if (type === 'numeric') return value.includes('.') ? value.replace(/\.?0+$/, '') : value;
  return type === 'citext' ? value.toLowerCase() : value;
};

/** The whole database, or these tables, as this connection sees it, by plain SQL. @param first statements that run before, in the same round trip */
export async function readRows(client: Client, names: Names, tables: readonly TableModel[] = TABLES, first?: string): Promise<Rows> {
  const present = new Map([...names.tables].map(([now, first]) => [first, now]));
  const sql = tables.map(({ name }) => `SELECT tableoid || '/' || ctid::text AS "#", t.* FROM ${present.get(name) ?? name} t`).join(';');
  const results = (await client.query({
    text: first === undefined ? sql : `${first};${sql}`,
    rowMode: 'array',
    types: { getTypeParser: () => (value: unknown) => value },
  })) as unknown as {
    fields: { name: string }[];
    rows: (string | null)[][];
  }[];
  const rows = new Map<string, Row>();
  for (const [index, { fields, rows: found }] of results.slice(-tables.length).entries()) {
    const model = tables[index] as TableModel;
    const columns = fields.slice(1).map(({ name }) => names.columns.get(`${model.name}.${name}`) ?? name);
    for (const [version = '', ...values] of found) {
      const cells = new Map(columns.map((column, at) => [column, values[at] ?? null]));
      const key =
        model.key.length === 0 ? String(version) : model.key.map((column) => keyText(model, column, cells.get(column) ?? null)).join(',');
      rows.set(`${model.name}|${key}`, { table: model.name, version: String(version), cells });
    }
  }
  return rows;
}

/** What happened between two readings of one connection, while nobody else committed. */
export function effectsBetween(before: Rows, after: Rows): Effect[] {
  const effects: Effect[] = [];
  for (const row of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(row), after.get(row)];
    if (old?.version === now?.version) continue;
    const table = (old ?? now)?.table ?? '';
    const all = new Set((old ?? now)?.cells.keys());
    const changed = old && now ? new Set([...all].filter((column) => old.cells.get(column) !== now.cells.get(column))) : all;
    effects.push({ row, table, before: old?.cells, after: now?.cells, written: changed.size === 0 ? all : changed });
  }
  return effects;
}
