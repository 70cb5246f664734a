import type pg from 'pg';
import type { Cells, Snapshot } from './oracle.ts';

interface ForeignKey {
  readonly child: string;
  readonly parent: string;
  readonly columns: readonly string[];
}

/** Foreign keys onto the whole key of their parent, in its order: the others are not judged. */
export async function foreignKeysOf(
  client: pg.Client,
  places: readonly { readonly table: string; readonly key: readonly string[] }[],
): Promise<ForeignKey[]> {
  const { rows } = await client.query<ForeignKey & { parentColumns: string[] }>(
    `SELECT format('%I.%I', cn.nspname, c.relname) AS child, format('%I.%I', pn.nspname, p.relname) AS parent,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(f.conkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum) AS columns,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(f.confkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum) AS "parentColumns"
     FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
     JOIN pg_class p ON p.oid = f.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE f.contype = 'f'`,
  );
  const plain = (name: string): string => name.replaceAll('"', '');
  return rows.flatMap((row) => {
    const parent = places.find(({ table }) => plain(table) === plain(row.parent));
    const child = places.find(({ table }) => plain(table) === plain(row.child));
    if (child === undefined || (parent !== undefined && parent.key.join() !== row.parentColumns.join())) return [];
    // A table that took no invented rows is empty for good.
    return [{ child: child.table, parent: parent?.table ?? row.parent, columns: row.columns }];
  });
}

/**
 * Whether an undo would write a reference to a row that is not there. The data is invented without foreign keys, so that a deleted row may have had
 * no parent.
 */
export function missesParent(keys: readonly ForeignKey[], state: Snapshot, cells: Cells): boolean {
  return [...cells.keys()].some((cell) => {
    const row = cell.slice(0, cell.lastIndexOf(' '));
    return keys.some(({ child, parent, columns }) => {
      if (!row.startsWith(`${child} `)) return false;
      if (!columns.some((column) => cells.get(`${row} ${column}`)?.before !== undefined)) return false;
      const values = columns.map((column) =>
        cells.has(`${row} ${column}`) ? cells.get(`${row} ${column}`)?.before : state.get(`${row} ${column}`),
      );
      return values.every((value) => typeof value === 'string') && !state.has(`${parent} ${JSON.stringify(values)} exists`);
    });
  });
}
