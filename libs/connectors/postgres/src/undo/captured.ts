import type { AttemptRef, Effect } from '@recant/events';
import type { ClientBase } from 'pg';
import { type EffectRow, effectOf } from '../effect.ts';
import { groupBy } from '../install/group-by.ts';

/** A row of the capture table, described as its attempt's effect. */
export interface Captured {
  readonly effect: Effect;
  readonly ordinal: string;
  readonly attempt: string;
  readonly relation: number;
  readonly shape: number;
  readonly key: readonly string[];
  /** Ordinal of the other half of a changed key. */
  readonly pair: string | null;
  /** Positions in the shape that an update wrote; NULL: not an update. */
  readonly written: readonly number[] | null;
}

/** One text a row: the driver decodes arrays and twelve columns in five times the time of one `JSON.parse`. */
const rowOf = (
  more: string,
): string => `json_build_object('ordinal', e.ordinal::text, 'attempt', e.attempt::text, 'pair', e.pair::text, 'relation', e.relation, 'shape', e.shape,
  'schema_name', e.schema_name, 'table_name', e.table_name, 'key', e.key, 'operation', e.operation, 'parts', e.parts, 'read', e.read, 'written', e.written${more})::text AS row`;
const OF_REFS_SQL = `SELECT ${rowOf(", 'n', u.n")} FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY u(source, action, attempt, n)
JOIN recant.attempt a ON (a.source, a.action, a.attempt) = (u.source, u.action, u.attempt) JOIN recant.effect e ON e.attempt = a.id ORDER BY e.ordinal`;
const OF_ID_SQL = `SELECT ${rowOf('')} FROM recant.effect e WHERE e.attempt = $1 ORDER BY e.ordinal`;

const OF_IDS_SQL = `SELECT ${rowOf('')} FROM recant.effect e WHERE e.attempt = ANY ($1::bigint[]) ORDER BY e.ordinal`;

/** Attempts without a name, one a transaction, have the drain as their source. */
const isDrainSource = (source: string, system: string): boolean =>
  source.replace(/\/\d+$/, '').endsWith(`/system/${system}`) && /\/\d+$/.test(source);

/** The attempt as the target has it. */
export const inTarget = ({ source, action, attempt }: AttemptRef, system: string): AttemptRef => ({
  source: isDrainSource(source, system) ? 'login' : source,
  action,
  attempt,
});

type Row = EffectRow & Omit<Captured, 'effect'>;

/** Everything the target captured for each of these attempts, ascending. */
export async function capturedOf(client: ClientBase, system: string, refs: readonly AttemptRef[]): Promise<Captured[][]> {
  const rows = await readJson<Row & { n: number }>(client, OF_REFS_SQL, [
    refs.map((ref) => inTarget(ref, system).source),
    refs.map((ref) => ref.action),
    refs.map((ref) => ref.attempt),
  ]);
  const all: Captured[][] = refs.map(() => []);
  for (const row of rows) all[row.n - 1]?.push(describe(system, row));
  return all;
}

export async function capturedById(client: ClientBase, system: string, attempt: string): Promise<Captured[]> {
  const rows = await readJson<Row>(client, OF_ID_SQL, [attempt]);
  return rows.map((row) => describe(system, row));
}

/** The same for several, by id. */
export async function capturedByIds(
  client: ClientBase,
  system: string,
  attempts: readonly string[],
): Promise<ReadonlyMap<string, readonly Captured[]>> {
  const rows = await readJson<Row>(client, OF_IDS_SQL, [attempts]);
  return groupBy(
    rows.map((row) => describe(system, row)),
    ({ attempt }) => attempt,
  );
}

async function readJson<R>(client: ClientBase, text: string, values: readonly unknown[]): Promise<R[]> {
  const { rows } = await client.query<{ row: string }>(text, [...values]);
  return rows.map(({ row }) => JSON.parse(row) as R);
}

/** Ascending. */
export const byOrdinal = ({ ordinal: a }: Captured, { ordinal: b }: Captured): number => a.length - b.length || (a < b ? -1 : 1);

const describe = (system: string, row: Row): Captured => ({
  effect: effectOf(system, row),
  ordinal: row.ordinal,
  attempt: row.attempt,
  relation: row.relation,
  shape: row.shape,
  key: row.key,
  pair: row.pair,
  written: row.written,
});
