import type { Selection } from '@recant/planner';
import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import type { Projection } from '../project/projection.ts';
import { type AttemptSqlRow, type AttemptSummary, toSummary } from './attempt-row.ts';
import { attemptColumns, Parameters, selectionConditions, vectorArray, within } from './attempt-sql.ts';
import { type Cursor, formatCursor, parseCursor } from './cursor.ts';
import { type EffectCounts, readEffectCounts } from './effect-counts.ts';
import { readUndone, type Undone } from './undone.ts';

export const PAGE_LIMIT_MAX = 1_000;

export interface AttemptQuery {
  /** Fields are combined with AND; no field selects all attempts. */
  readonly selection: Selection;
  /** Rows per page, 1 to PAGE_LIMIT_MAX. */
  readonly limit: number;
  /** `next` of the previous page, or `tail` of an earlier list: then only attempts appended since. */
  readonly cursor?: string;
  /** Default `oldest`: ascending by (received, shard, index). */
  readonly order?: 'oldest' | 'newest';
  /** Milliseconds since 1970, UTC: distinguishes `open` from `unknown`. */
  readonly nowMs: number;
  /** Aborted when the caller is gone: ends the query. */
  readonly signal?: AbortSignal;
}

export type ListedAttempt = AttemptSummary & { readonly effects: EffectCounts; readonly undone?: Undone };

export interface AttemptPage {
  readonly attempts: readonly ListedAttempt[];
  /** Cursor of the next page; absent on the last page. */
  readonly next?: string;
  /** Cursor for attempts appended after this list's snapshot. */
  readonly tail: string;
}

/** @throws StoreError `cursor_invalid` */
export async function listAttempts(
  pool: pg.Pool,
  projection: Pick<Projection, 'reach'>,
  tenant: string,
  query: AttemptQuery,
): Promise<AttemptPage> {
  const limit = Math.min(Math.max(1, query.limit), PAGE_LIMIT_MAX);
  const cursor = query.cursor === undefined ? undefined : parseCursor(query.cursor);
  const view = await openView(projection, tenant, cursor);
  const { rows, countsOf, undoneOf } = await asReader(
    pool,
    tenant,
    async (client) => {
      const parameters = new Parameters();
      const text = statement(tenant, query, view, limit, parameters);
      const rows = (await client.query<AttemptSqlRow>(text, parameters.values)).rows.map(toSummary);
      const refs = rows.map(({ ref }) => ref);
      const countsOf = await readEffectCounts(client, tenant, refs, view.vector);
      return { rows, countsOf, undoneOf: await readUndone(client, tenant, refs, view.vector) };
    },
    query.signal,
  );
  const attempts = rows.slice(0, limit).map((row) => {
    const undone = undoneOf(row.ref);
    return { ...row, effects: countsOf(row.ref), ...(undone && { undone }) };
  });
  const last = attempts.at(-1);
  const tail = formatCursor({ vector: {}, since: view.vector });
  if (rows.length <= limit || last === undefined) return { attempts, tail };
  return { attempts, tail, next: formatCursor({ ...view, after: [last.receivedAtMs, last.entry.shard, String(last.entry.index)] }) };
}

/** A tail cursor has no snapshot yet: takes the current log sizes. */
async function openView(projection: Pick<Projection, 'reach'>, tenant: string, cursor: Cursor | undefined): Promise<Cursor> {
  if (cursor === undefined || Object.keys(cursor.vector).length === 0) return { ...cursor, vector: await projection.reach(tenant) };
  await projection.reach(tenant, cursor.vector);
  return cursor;
}

function statement(tenant: string, query: AttemptQuery, view: Cursor, limit: number, parameters: Parameters): string {
  const owner = parameters.add(tenant);
  const vector = parameters.add(vectorArray(view.vector));
  const nowMs = parameters.add(query.nowMs);
  const conditions = selectionConditions(owner, query.selection, vector, nowMs, parameters);
  const newest = query.order === 'newest';
  if (view.since !== undefined)
    conditions.push(`NOT coalesce(${within('a.shard', 'a.idx', parameters.add(vectorArray(view.since)))}, false)`);
  if (view.after !== undefined) conditions.push(beyond(view.after, newest, parameters));
  const direction = newest ? 'DESC' : 'ASC';
  return `SELECT ${attemptColumns(vector, nowMs)} WHERE ${conditions.join(' AND ')}
    ORDER BY a.received_at ${direction}, a.shard ${direction}, a.idx ${direction} LIMIT ${limit + 1}`;
}

function beyond([receivedMs, shard, idx]: readonly [number, number, string], newest: boolean, parameters: Parameters): string {
  const received = `to_timestamp(${parameters.add(receivedMs)}::bigint / 1000.0)`;
  const sign = newest ? '<' : '>';
  // The first comparison is redundant, but can use an index on time.
  return `a.received_at ${sign}= ${received} AND (a.received_at, a.shard, a.idx) ${sign} (${received}, ${parameters.add(shard)}::smallint, ${parameters.add(idx)}::bigint)`;
}
