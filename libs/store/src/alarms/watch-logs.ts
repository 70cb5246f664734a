import { ERROR_CODES, isErrorCode } from '@recant/api';
import type pg from 'pg';
import { inTransaction } from '../in-transaction.ts';
import type { Projection } from '../project/projection.ts';
import { type Condition, raise, type TenantCondition } from './raise.ts';
import { watchActions } from './watch-actions.ts';
import {
  CLOSE_GAPS,
  CLOSE_LOST,
  CLOSE_RESTARTED,
  DEAD_LETTERS,
  FOLD,
  GAPS_CHANGED,
  MERGE,
  NEW_GAPS,
  NEW_LOST,
  UNWATCHED,
} from './watch-sql.ts';

const LIMITS = "SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '5s'";
/** Entries read in one transaction. */
const ENTRIES_MAX = 10_000;
/** Milliseconds that a number may be missing without an alarm: concurrent batches of one source overtake each other. */
export const GAP_MS = 10_000;
/** Milliseconds without another refusal after which the alarm of a code ends. */
export const DEAD_LETTERS_MS = 15 * 60_000;
const RANGES_SHOWN_MAX = 10;
/** Ranges of missing numbers stored for a source; above it, the rest counts as one range. */
const RANGES_MAX = 1_000;

export interface LogWatch {
  readonly pool: pg.Pool;
  readonly projection: Pick<Projection, 'catchUp'>;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Rows and files above which one action is an alarm. */
  readonly actionRows: number;
}

/**
 * Reads the entries that were added to the logs since the last call, each once by any one process, and raises and clears the alarms about sources, dead
 * letters and actions. What it costs follows new entries and changed conditions, not the size of a log or the number of its sources. A crash repeats a window.
 * Alarms about actions come from the read models, and follow them: where those are behind or stopped, the others go on.
 */
export async function watchLogs({ pool, projection, clock, actionRows }: LogWatch, stopping: () => boolean): Promise<void> {
  const [projected] = await Promise.allSettled([projection.catchUp(stopping)]);
  for (const { tenant_id, shard } of (await pool.query(UNWATCHED)).rows)
    while (!stopping() && (await inTransaction(pool, (client) => watchWindow(client, [tenant_id, shard], clock(), actionRows), LIMITS))) {}
  await inTransaction(pool, (client) => raiseDue(client, clock()), LIMITS);
  if (projected.status === 'rejected') throw projected.reason;
}

/** @returns whether the log has more entries */
async function watchWindow(
  client: pg.ClientBase,
  [tenant, shard]: readonly [tenant: string, shard: number],
  nowMs: number,
  actionRows: number,
): Promise<boolean> {
  await client.query('INSERT INTO recant.log_watch (tenant_id, shard, next, next_action) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING', [
    tenant,
    shard,
  ]);
  const { rows } = await client.query(
    `SELECT w.next, w.next_action, l.size, coalesce(p.size, 0) AS projected FROM recant.log_watch w
      JOIN recant.log l ON (l.tenant_id, l.shard) = (w.tenant_id, w.shard) LEFT JOIN recant.projected p ON (p.tenant_id, p.shard) = (w.tenant_id, w.shard)
      WHERE w.tenant_id = $1 AND w.shard = $2 FOR UPDATE OF w SKIP LOCKED`,
    [tenant, shard],
  );
  if (rows[0] === undefined) return false;
  const { next, next_action, size, projected } = rows[0];
  const [from, end] = windowOf(Number(next), Number(size));
  const [actionFrom, actionEnd] = windowOf(Number(next_action), Number(projected));
  const sources = (await client.query(FOLD, [tenant, shard, from, end, nowMs])).rows.map(({ source_no }) => source_no);
  await client.query(MERGE, [tenant, sources, RANGES_MAX]);
  const now = new Date(nowMs);
  await client.query(CLOSE_GAPS, [tenant, sources, now]);
  await client.query(CLOSE_LOST, [tenant, sources, now]);
  await client.query(CLOSE_RESTARTED, [tenant, sources, now]);
  await report(client, (await client.query<GapRow>(GAPS_CHANGED, [tenant, sources, RANGES_SHOWN_MAX])).rows.map(gapOf), nowMs);
  const letters = (await client.query(DEAD_LETTERS, [tenant, shard, from, end])).rows.map(({ code }) => deadLettersOf(code));
  if (actionFrom < actionEnd) await watchActions(client, nowMs, [tenant, shard, actionFrom, actionEnd], actionRows);
  await client.query(MOVE, [tenant, shard, end, actionEnd]);
  await raise(client, nowMs, tenant, letters, DEAD_LETTERS_MS);
  return end < Number(size) || actionEnd < Number(projected);
}

const MOVE = 'UPDATE recant.log_watch SET next = $3, next_action = $4 WHERE tenant_id = $1 AND shard = $2';

/** A restored log is shorter than what was read of it. */
function windowOf(next: number, size: number): readonly [from: number, end: number] {
  const from = Math.min(next, size);
  return [from, Math.min(size, from + ENTRIES_MAX)];
}

/** Conditions that begin because time passes. */
async function raiseDue(client: pg.ClientBase, nowMs: number): Promise<void> {
  await report(client, (await client.query<GapRow>(NEW_GAPS, [nowMs - GAP_MS, RANGES_SHOWN_MAX])).rows.map(gapOf), nowMs);
  await report(client, (await client.query<LostRow>(NEW_LOST, [nowMs])).rows.map(lostOf), nowMs);
}

/** In the transaction that records which alarms are open. */
async function report(client: pg.ClientBase, found: readonly TenantCondition[], nowMs: number): Promise<void> {
  for (const tenant of new Set(found.map((one) => one.tenant)))
    await raise(
      client,
      nowMs,
      tenant,
      found.filter((one) => one.tenant === tenant),
    );
}

interface GapRow {
  readonly tenant_id: string;
  readonly source: string;
  readonly missing: string;
  readonly ranges: string;
  readonly shown: readonly { readonly first: number; readonly last: number }[];
}

function gapOf({ tenant_id, source, missing, ranges, shown }: GapRow): TenantCondition {
  const list = shown.map(({ first, last }) => (first === last ? String(first) : `${first}–${last}`)).join(', ');
  const more = Number(ranges) - shown.length;
  return {
    tenant: tenant_id,
    code: 'source_gap',
    subject: source,
    detail: `${missing} missing: ${list}${more > 0 ? `, and ${more} more ranges` : ''}.`,
    action:
      'Find the cause: `recant sources --gaps`. The alarm ends when the events arrive; if the host that had them is lost, acknowledge it: `recant alarms acknowledge ALARM --reason TEXT`.',
  };
}

interface LostRow {
  readonly tenant_id: string;
  readonly source: string;
  readonly received_ms: string;
  readonly lease_ms: string;
}

function lostOf({ tenant_id, source, received_ms, lease_ms }: LostRow): TenantCondition {
  return {
    tenant: tenant_id,
    code: 'source_lost',
    subject: source,
    detail: `No event since ${new Date(Number(received_ms)).toISOString()}; it announced one every ${Math.round(Number(lease_ms) / 1_000)} s and did not close.`,
    action:
      'Check the process and its connection, and start it again: the alarm ends when it sends under the same key prefix. Its last actions may be unfinished: `recant actions list --outcome unknown`. If it will not come back, acknowledge the alarm: `recant alarms acknowledge ALARM --reason TEXT`.',
  };
}

function deadLettersOf(code: string): Condition {
  const { title, action } = isErrorCode(code) ? ERROR_CODES[code] : { title: code, action: '' };
  return {
    code: 'dead_letters',
    subject: code,
    detail: `Messages were refused: ${title}.`,
    action: `${action} Read them with GET /v1/dead-letters?code=${code}. The alarm ends 15 minutes after the last one.`.trim(),
  };
}
