import type { Value, World } from './oracle.ts';
import { isAssigned, isDerived } from './parts.ts';
import type { Cells, Rows } from './record.ts';
import { tableOf } from './schema.ts';

export interface Mismatch {
  readonly cell: string;
  readonly expected: Value;
  readonly found: Value;
}

/** Cell by cell. Of derived columns only those of rows that came back are known. */
export function compare({ rows: expected, derived }: Pick<World, 'rows' | 'derived'>, found: Rows): Mismatch[] {
  const mismatches: Mismatch[] = [];
  for (const row of new Set([...expected.keys(), ...found.keys()])) {
    const table = tableOf(row.slice(0, row.indexOf('|')));
    if (table.history || table.key.length === 0) continue;
    const [wanted, is] = [expected.get(row), found.get(row)?.cells];
    if (wanted === undefined || is === undefined) {
      if (wanted !== is) mismatches.push({ cell: row, expected: wanted && 'a row', found: is && 'a row' });
      continue;
    }
    for (const column of new Set([...wanted.keys(), ...is.keys()])) {
      const isOpen = isDerived(table, column) && (isAssigned(table, column) || derived.get(row)?.get(column) === undefined);
      const value = isDerived(table, column) ? derived.get(row)?.get(column) : wanted.get(column);
      if (!isOpen && value !== is.get(column)) mismatches.push({ cell: `${row} ${column}`, expected: value, found: is.get(column) });
    }
  }
  return [...mismatches, ...compareKeyless(expected, found)];
}

/** Rows without a key, counted by content. */
function compareKeyless(expected: ReadonlyMap<string, Cells>, found: Rows): Mismatch[] {
  const counts = new Map<string, number>();
  const count = (rows: Iterable<readonly [string, Cells]>, by: number) => {
    for (const [row, cells] of rows) {
      const name = row.slice(0, row.indexOf('|'));
      if (tableOf(name).key.length > 0) continue;
      const content = `${name} ${JSON.stringify([...cells].sort())}`;
      counts.set(content, (counts.get(content) ?? 0) + by);
    }
  };
  count(expected, 1);
  count(
    [...found].map(([row, { cells }]) => [row, cells] as const),
    -1,
  );
  return [...counts]
    .filter(([, n]) => n !== 0)
    .map(([cell, n]) => ({ cell, expected: `${Math.max(n, 0)} more`, found: `${Math.max(-n, 0)} more` }));
}
