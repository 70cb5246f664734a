import type { VersionOrAbsent } from '@recant/events';
import { type ClientBase, escapeIdentifier, escapeLiteral } from 'pg';
import { outputOf, target } from '../install/catalogue.ts';
import { EXISTS, partOfColumn } from '../resource.ts';
import type { CapturedTable } from './registry.ts';

export type Key = readonly string[];
/** Versions by part; every part absent where the row is not there. */
export type Versions = ReadonlyMap<string, VersionOrAbsent>;

export const keyId = (key: Key): string => JSON.stringify(key);

/** Rows whose versions are computed by one call: each has some cost, and an array may have 1 GB. */
const GROUP_ROWS = 100;

/** The rows of these keys that are there, by `keyId`. One snapshot. @param parts other parts are left out; undefined: all */
export async function readLive(
  client: ClientBase,
  captured: CapturedTable,
  keys: readonly Key[],
  parts?: ReadonlySet<string>,
): Promise<Map<string, Versions>> {
  const { table } = captured;
  const read = table.columns.filter(({ name }) => parts === undefined || parts.has(partOfColumn(name)));
  const columns = read.length > 0 ? read : table.columns.slice(0, 1);
  const types = columns.map((column) => escapeLiteral(column.type)).join(', ');
  const values = columns.map((column) => outputOf('t', column)).join(', ');
  const { rows } = await client.query<{ keys: string[][]; present: string; versions: string[] }>(
    `SELECT r.keys, y.present, recant.versions_of(ARRAY[${types}], r.images) AS versions FROM recant.system y,
      (SELECT array_agg(f.key) AS keys, array_agg(f.image) AS images FROM (
        SELECT ${askedKey(captured)} AS key, ARRAY[${values}] AS image, row_number() OVER () / ${GROUP_ROWS} AS place FROM ${keyedRows(captured)}) f
      GROUP BY f.place) r`,
    keyColumns(captured, keys),
  );
  const names = columns.map(({ name }) => partOfColumn(name));
  return new Map(
    rows.flatMap((group) =>
      group.keys.map((key, row): [string, Versions] => {
        const versions = names.map((name, n): [string, string] => [name, group.versions[row * names.length + n] ?? '']);
        return [keyId(key), new Map([[EXISTS, group.present], ...versions])];
      }),
    ),
  );
}

/**
 * Locks the rows of these keys until the transaction ends, in the key's order. Absent rows cannot be locked: their insert is what collides.
 * @param waits false: rows that another session holds are passed over @returns the keys of those, by `keyId`
 */
export async function lockRows(
  client: ClientBase,
  captured: CapturedTable,
  keys: readonly Key[],
  waits: boolean,
): Promise<ReadonlySet<string>> {
  const order = captured.table.key.map((name) => `t.${escapeIdentifier(name)}`).join(', ');
  const from = `FROM ${keyedRows(captured)}`;
  const columns = keyColumns(captured, keys);
  const locked = await client.query<{ count: number; places: string | null }>(
    `SELECT count(*)::int AS count, CASE WHEN count(*) < ${keys.length} THEN string_agg(l.n::text, ',') END AS places
     FROM (SELECT k.n ${from} ORDER BY ${order} FOR UPDATE OF t${waits ? '' : ' SKIP LOCKED'}) l`,
    columns,
  );
  const [{ count, places }] = locked.rows as [{ count: number; places: string | null }];
  if (waits || count === keys.length) return new Set();
  const free = new Set(placesIn(places));
  const { rows } = await client.query<{ places: string | null }>(`SELECT string_agg(k.n::text, ',') AS places ${from}`, columns);
  const held = placesIn(rows[0]?.places ?? null).filter((place) => !free.has(place));
  return new Set(held.map((place) => keyId(keys[place - 1] as Key)));
}

/** Places, from 1, as one text: a tenth of what the driver needs for as many rows. */
export const placesIn = (places: string | null): readonly number[] => (places === null ? [] : places.split(',').map(Number));

const keyDefinitions = ({ table }: CapturedTable) =>
  table.key.map((name) => {
    const column = table.columns.find((candidate) => candidate.name === name);
    if (column === undefined) throw new Error(`primary key column ${name} is not among the columns`);
    return column;
  });

/** The key as it was asked for: the row's own text of an equal key may differ (2.0 and 2.00). */
const askedKey = ({ table }: CapturedTable): string => `ARRAY[${table.key.map((_, index) => `k.k${index}`).join(', ')}]`;

/**
 * `t` joined to its keys `k`, given as one text array for each key column, and as an array for each further value: `k.a0`, … of these types. `k.n`: place of the key, from 1.
 */
export function keyedRows(captured: CapturedTable, values: readonly string[] = []): string {
  const columns = keyDefinitions(captured);
  const arrays = [...columns.map(() => 'text'), ...values].map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const names = [...columns.map((_, index) => `k${index}`), ...values.map((_, index) => `a${index}`), 'n'].join(', ');
  const on = columns.map(
    (column, index) => `t.${escapeIdentifier(column.name)} ${captured.table.keyEquality[index]} CAST(k.k${index} AS ${column.castType})`,
  );
  return `${target(captured.table)} t JOIN unnest(${arrays}) WITH ORDINALITY AS k(${names}) ON ${on.join(' AND ')}`;
}

/** Parameters of `keyedRows`. */
export const keyColumns = ({ table }: CapturedTable, keys: readonly Key[]): string[][] =>
  table.key.map((_, index) => keys.map((key) => key[index] ?? ''));
