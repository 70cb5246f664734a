import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { StoreError } from '../error.ts';
import { type RecordedEvent, toRecordedEvent } from './recorded-event.ts';

export interface ActQuery {
  readonly limit: number;
  readonly cursor?: string;
  /** Ledger clock, milliseconds since 1970, UTC: from inclusive, to exclusive. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Exact values of the acts' `by`. */
  readonly by?: readonly string[];
  /** Aborted when the caller is gone: ends the query. */
  readonly signal?: AbortSignal;
}

export interface ActPage {
  readonly events: readonly RecordedEvent[];
  readonly next?: string;
}

const ACTS = 'SELECT * FROM recant.own_acts($1, $2, $3, $4, $5, $6)';
/** Above every time that fits into a frame. */
const LATEST_MS = 2 ** 53;
/** Sorts after every shard in descending order: excludes every entry received at exactly that time. */
const SHARD_ABOVE = -1;

/** Acts of Recant and its operators, newest first: plans, runs, acts, authority failures. @throws StoreError `cursor_invalid` */
export async function listActs(pool: pg.Pool, tenant: string, { limit, cursor, fromMs = 0, toMs, by, signal }: ActQuery): Promise<ActPage> {
  const below = cursor === undefined ? [toMs ?? LATEST_MS, SHARD_ABOVE, '0'] : placeOf(cursor);
  const rows = await asReader(
    pool,
    tenant,
    async (client) => (await client.query(ACTS, [fromMs, ...below, by ?? null, limit + 1])).rows,
    signal,
  );
  const events = rows.slice(0, Math.min(limit, countWithin(rows))).map(toRecordedEvent);
  const last = events.at(-1);
  if (rows.length === events.length || last === undefined) return { events };
  return { events, next: `${last.receivedAtMs}.${last.entry.shard}.${last.entry.index}` };
}

/** Bytes of acts in one page; a page has at least one act. */
const PAGE_BYTES_MAX = 4_194_304;

function countWithin(rows: readonly { readonly frame: Buffer }[]): number {
  let bytes = 0;
  const tooMany = rows.findIndex(({ frame }, n) => {
    bytes += frame.length;
    return n > 0 && bytes > PAGE_BYTES_MAX;
  });
  return tooMany < 0 ? rows.length : tooMany;
}

function placeOf(cursor: string): readonly (string | number)[] {
  const match = /^([0-9]{1,16})\.([0-9]{1,5})\.([0-9]{1,18})$/.exec(cursor);
  if (match === null) throw new StoreError('cursor_invalid', 'Invalid cursor: start again without a cursor.');
  return match.slice(1);
}
