import { ConnectorError } from '@recant/connector';
import { isSystemName } from '@recant/events';
import type { ClientBase } from 'pg';
import { type SkippedTable, type Table, tableName } from './catalogue.ts';
import { type DerivedColumn, findDerived } from './derived.ts';
import type { PrepareOptions } from './options.ts';
import { subjectProblems } from './subjects.ts';

export interface Choice {
  readonly tables: readonly Table[];
  /** Tables that could be captured, and that the operator left out. */
  readonly left: readonly Table[];
  readonly skipped: readonly SkippedTable[];
  readonly derived: ReadonlyMap<number, readonly DerivedColumn[]>;
}

/** @throws ConnectorError `options_invalid` that names every wrong table and column */
export async function choose(
  client: ClientBase,
  options: PrepareOptions,
  found: { readonly tables: readonly Table[]; readonly skipped: readonly SkippedTable[] },
): Promise<Choice> {
  const all = found.tables.filter((table) => table.owned);
  const skipped = [...found.skipped, ...found.tables.filter((table) => !table.owned).map(notOwned)];
  const known = new Set(all.map(tableName));
  const columns = new Set(all.flatMap((table) => table.columns.map((column) => `${tableName(table)}.${column.name}`)));
  const problems = [
    ...(options.tables ?? [])
      .filter((name) => !known.has(name))
      .map((name) => `${name}: ${skipped.find((table) => table.table === name)?.reason ?? 'no such table'}`),
    ...(options.history ?? []).filter((name) => !known.has(name)).map((name) => `history ${name}: no such table`),
    ...(options.derived ?? []).filter((name) => !columns.has(name)).map((name) => `derived ${name}: no such column`),
    ...(options.notDerived ?? []).filter((name) => !columns.has(name)).map((name) => `not derived ${name}: no such column`),
    ...subjectProblems(
      all.filter((table) => options.tables === undefined || options.tables.includes(tableName(table))),
      options.subjects,
    ),
    ...(isSystemName(options.system) ? [] : ['system: expected 1 to 64 letters, digits, ".", "_" or "-", starting with a letter or digit']),
  ];
  if (problems.length > 0) throw new ConnectorError('options_invalid', problems.join('; '));
  const chosen = options.tables === undefined ? undefined : new Set(options.tables);
  const tables = all.filter((table) => chosen === undefined || chosen.has(tableName(table)));
  const left = all.filter((table) => !tables.includes(table));
  const unnamed = left.map((table) => ({ table: tableName(table), reason: 'not named with --table' }));
  return { tables, left, skipped: [...skipped, ...unnamed], derived: await derivedColumns(client, tables, options) };
}

async function derivedColumns(
  client: ClientBase,
  tables: readonly Table[],
  { derived = [], notDerived = [] }: PrepareOptions,
): Promise<ReadonlyMap<number, readonly DerivedColumn[]>> {
  const found = await findDerived(client, tables);
  const named = (table: Table, list: readonly string[], column: string) => list.includes(`${tableName(table)}.${column}`);
  return new Map(
    tables.map((table) => {
      const recognised = (found.get(table.relid) ?? []).filter(({ column }) => !named(table, notDerived, column));
      const chosen = table.columns
        .filter(({ name }) => named(table, derived, name) && !table.key.includes(name) && !recognised.some(({ column }) => column === name))
        .map(({ name }) => ({ column: name, because: 'named by the operator' }));
      return [table.relid, [...recognised, ...chosen]];
    }),
  );
}

const notOwned = (table: Table): SkippedTable => ({
  table: tableName(table),
  reason: `owned by ${table.owner}: the connecting login needs the rights of its owner`,
});
