import pg from 'pg';

/** Cells by `table key column`; `exists` is a column of every row. */
export type Snapshot = ReadonlyMap<string, string | null>;
export type Cells = ReadonlyMap<string, { readonly before: string | null | undefined; readonly after: string | null | undefined }>;

interface Readable {
  readonly table: string;
  readonly key: readonly string[];
  readonly columns: readonly { readonly name: string }[];
  readonly derived: readonly string[];
}

/** Every cell of these tables as text, from one statement. Derived columns are left out. */
export async function snapshotOf(client: pg.Client, places: readonly Readable[]): Promise<Snapshot> {
  const namesOf = ({ columns, derived }: Readable) => columns.map(({ name }) => name).filter((name) => !derived.includes(name));
  const text = (list: readonly string[]) => `ARRAY[${list.map((name) => `${pg.escapeIdentifier(name)}::text`).join(', ')}]::text[]`;
  const { rows } = await client.query<{ n: number; key: string[]; cells: (string | null)[] }>(
    places
      .map((place, n) => `SELECT ${n} AS n, ${text(place.key)} AS key, ${text(namesOf(place))} AS cells FROM ${place.table}`)
      .join(' UNION ALL '),
  );
  const cells = new Map<string, string | null>();
  const names = places.map(namesOf);
  for (const { n, key, cells: values } of rows) {
    const at = `${places[n]?.table} ${JSON.stringify(key)}`;
    cells.set(`${at} exists`, 't');
    for (const [index, name] of (names[n] ?? []).entries()) cells.set(`${at} ${name}`, values[index] ?? null);
  }
  return cells;
}

export function cellsBetween(before: Snapshot, after: Snapshot): Cells {
  const cells = new Map<string, { before: string | null | undefined; after: string | null | undefined }>();
  for (const key of new Set([...before.keys(), ...after.keys()]))
    if (before.get(key) !== after.get(key)) cells.set(key, { before: before.get(key), after: after.get(key) });
  return cells;
}

/** Which later write stands in the way, from snapshots alone: no code of the product. */
export class Oracle {
  readonly #writes = new Map<string, number[]>();
  readonly #undone = new Set<number>();

  wrote(attempt: number, cells: Cells): void {
    for (const cell of cells.keys()) this.#writes.set(cell, [...(this.#writes.get(cell) ?? []), attempt]);
  }

  /** Cells of the attempt that attempts which are not undone have written since, each with those attempts. Empty: nothing is in the way. */
  blockers(attempt: number, cells: Cells): string {
    const found = [...cells.keys()].flatMap((cell) => {
      const later = this.#writes.get(cell)?.filter((by) => by > attempt && !this.#undone.has(by)) ?? [];
      return later.length === 0 ? [] : [`${cell} by ${later.join(', ')}`];
    });
    return found.join('; ');
  }

  /** The state without this attempt's cells. */
  undone(attempt: number, state: Snapshot, cells: Cells): Snapshot {
    this.#undone.add(attempt);
    const result = new Map(state);
    for (const [cell, { before }] of cells) {
      if (before === undefined) result.delete(cell);
      else result.set(cell, before);
    }
    return result;
  }
}
