import type { CoverageFinding } from '@recant/connector';
import type { ClientBase } from 'pg';
import { tableScope } from '../resource.ts';

/** Transactions whose changes of a table were not captured, at the limit of the queue. */
export interface Hole {
  readonly id: string;
  readonly relation: number;
  readonly schema: string;
  readonly table: string;
  /** The lost changes came before this ordinal. */
  readonly lastOrdinal: bigint;
  /** NULL: they were too many to be listed. */
  readonly transactions: string | null;
  readonly logins: readonly string[];
  readonly from: Date | null;
  readonly to: Date;
  /** Who accepted that it is not known what they changed. */
  readonly acceptedBy: string | null;
}

const HOLES_SQL = `SELECT h.id::text, h.relation, r.schema_name AS schema, r.table_name AS "table", h.last_ordinal::text AS "lastOrdinal", h.transactions::text, h.logins,
  nullif(h.from_at, '-infinity') AS "from", h.to_at AS "to", h.accepted_by AS "acceptedBy" FROM recant.hole h JOIN recant.relation r ON r.id = h.relation`;

/** Of these relations, accepted ones included. */
export async function readHoles(client: ClientBase, relations: readonly number[]): Promise<readonly Hole[]> {
  const { rows } = await client.query<Row>(`${HOLES_SQL} WHERE h.relation = ANY ($1::int[]) ORDER BY h.id`, [relations]);
  return rows.map((row) => ({ ...row, lastOrdinal: BigInt(row.lastOrdinal) }));
}

type Row = Omit<Hole, 'lastOrdinal'> & { readonly lastOrdinal: string };

const second = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, 'Z');

export function describeHole({ schema, table, transactions, logins, from, to }: Omit<Hole, 'lastOrdinal'>): string {
  const who = logins.length === 0 ? '' : ` of ${logins.join(', ')}`;
  const what =
    transactions === null ? 'Changes' : transactions === '1' ? 'Changes by 1 transaction' : `Changes by ${transactions} transactions`;
  const when = from === null ? `before ${second(to)}` : `between ${second(from)} and ${second(to)}`;
  return `${what}${who} ${when} of table ${schema}.${table} were not captured: the queue was at its limit`;
}

/** Holes that nobody has accepted. */
export async function openHoles(
  client: ClientBase,
  system: string,
): Promise<readonly (CoverageFinding & { readonly id: string; readonly scope: string })[]> {
  const { rows } = await client.query<Row>(`${HOLES_SQL} WHERE h.accepted_at IS NULL ORDER BY h.id`);
  return rows.map((hole) => ({
    id: hole.id,
    code: 'coverage_lost',
    scope: tableScope(system, hole.schema, hole.table),
    detail: `${describeHole(hole)}. Earlier attempts on it cannot be undone.`,
    action: `Check what they changed, then run "recant systems accept ${system}".`,
  }));
}

/** @returns the holes that were open */
export async function acceptHoles(
  client: ClientBase,
  system: string,
  { scope, by, reason }: { readonly scope: string; readonly by: string; readonly reason: string },
): Promise<readonly CoverageFinding[]> {
  await client.query('SELECT recant.absorb()');
  const holes = (await openHoles(client, system)).filter((hole) => hole.scope.startsWith(scope));
  await client.query('SELECT recant.accept_holes($1::bigint[], $2, $3)', [holes.map(({ id }) => id), by, reason]);
  return holes.map(({ id: _, ...finding }) => finding);
}
