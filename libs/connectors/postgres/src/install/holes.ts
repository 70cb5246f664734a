import type { CoverageFinding } from '@recant/connector';
import type { ClientBase } from 'pg';
import { tableScope } from '../resource.ts';
import { alteredObjects } from './fingerprint.ts';
import { BROKEN_TRIGGERS_SQL } from './triggers.ts';

/** Changes of a table that were not captured, or may not have been. */
export interface Hole {
  readonly cause: keyof typeof CAUSES;
  readonly id: string;
  readonly relation: number;
  readonly schema: string;
  readonly table: string;
  /** The lost changes came before this ordinal. */
  readonly lastOrdinal: bigint;
  /** NULL: not known one by one. */
  readonly transactions: string | null;
  readonly logins: readonly string[];
  readonly from: Date | null;
  readonly to: Date;
  /** Who accepted that it is not known what they changed. */
  readonly acceptedBy: string | null;
}

const CAUSES = {
  queue_full: 'were not captured: the queue was at its limit',
  trigger: 'may not be captured: a trigger of the capture was missing, disabled or changed',
  altered: 'may not be captured: a function of the capture was changed by hand',
};

const HOLES_SQL = `SELECT h.id::text, h.cause, h.relation, r.schema_name AS schema, r.table_name AS "table", h.last_ordinal::text AS "lastOrdinal", h.transactions::text, h.logins,
  nullif(h.from_at, '-infinity') AS "from", h.to_at AS "to", h.accepted_by AS "acceptedBy" FROM recant.hole h JOIN recant.relation r ON r.id = h.relation`;

/** Of these relations: recorded ones, accepted ones included, and those that are open now. */
export async function readHoles(client: ClientBase, relations: readonly number[]): Promise<readonly Hole[]> {
  const { rows } = await client.query<Row>(`${HOLES_SQL} WHERE h.relation = ANY ($1::int[]) ORDER BY h.id`, [relations]);
  const cause = (await alteredObjects(client)).length > 0 ? 'altered' : 'trigger';
  const broken = await client.query<Place>(
    `SELECT r.id AS relation, r.schema_name AS schema, r.table_name AS "table" FROM recant.relation r
     WHERE r.id = ANY ($1::int[]) AND ($2 OR EXISTS (SELECT FROM (${BROKEN_TRIGGERS_SQL}) b WHERE b.relation = r.id))`,
    [relations, cause === 'altered'],
  );
  const now = {
    id: '',
    cause,
    lastOrdinal: LAST_ORDINAL,
    transactions: null,
    logins: [],
    from: null,
    to: new Date(),
    acceptedBy: null,
  } as const;
  return [...rows.map((row) => ({ ...row, lastOrdinal: BigInt(row.lastOrdinal) })), ...broken.rows.map((place) => ({ ...now, ...place }))];
}

type Place = Pick<Hole, 'relation' | 'schema' | 'table'>;
const LAST_ORDINAL = 2n ** 63n;

/** Before `connect` repairs a table: what was written while it was not captured is unknown. Without earlier changes there is nothing to undo. */
export async function recordUncaptured(client: ClientBase, relid: number): Promise<void> {
  await client.query(
    `${RECORD_SQL} WHERE r.relid = $2 AND (NOT (r.captured OR r.marked) OR r.captured AND EXISTS (SELECT FROM (${BROKEN_TRIGGERS_SQL}) b WHERE b.relation = r.id)) AND ${HAS_CHANGES}`,
    ['trigger', relid],
  );
}

/** Before `connect` replaces functions that were changed by hand. */
export async function recordAltered(client: ClientBase): Promise<void> {
  if ((await alteredObjects(client)).length > 0) await client.query(`${RECORD_SQL} WHERE r.captured AND ${HAS_CHANGES}`, ['altered']);
}

const RECORD_SQL = `INSERT INTO recant.hole (relation, epoch, cause, logins, first_ordinal, last_ordinal, from_at, to_at)
  SELECT r.id, y.epoch, $1, '{}', 0, nextval('recant.ordinal'), '-infinity', clock_timestamp() FROM recant.relation r CROSS JOIN recant.system y`;
const HAS_CHANGES = '(EXISTS (SELECT FROM recant.change c WHERE c.relation = r.id) OR EXISTS (SELECT FROM recant.capture))';

type Row = Omit<Hole, 'lastOrdinal'> & { readonly lastOrdinal: string };

const second = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, 'Z');

export function describeHole({ cause, schema, table, transactions, logins, from, to }: Omit<Hole, 'lastOrdinal'>): string {
  const who = logins.length === 0 ? '' : ` of ${logins.join(', ')}`;
  const what =
    transactions === null ? 'Changes' : transactions === '1' ? 'Changes by 1 transaction' : `Changes by ${transactions} transactions`;
  const when = from === null ? `before ${second(to)}` : `between ${second(from)} and ${second(to)}`;
  return `${what}${who} ${when} of table ${schema}.${table} ${CAUSES[cause]}`;
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
