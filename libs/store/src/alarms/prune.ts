import type pg from 'pg';

/** Milliseconds for which an ended alarm is kept. */
const ENDED_MS_MAX = 90 * 86_400_000;
/** Ended alarms kept of a tenant: one whose sources come and go makes many. */
const ENDED_MAX = 10_000;
/** Rows deleted in one statement. */
const ROWS_MAX = 5_000;

const OLD = `DELETE FROM recant.alarm a USING (SELECT tenant_id, id FROM recant.alarm WHERE ended_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED) o
  WHERE a.tenant_id = o.tenant_id AND a.id = o.id`;
/** Reads the ended alarms, of which there are at most ENDED_MAX a tenant after each round. */
const MANY = `DELETE FROM recant.alarm a USING (
    SELECT tenant_id, id FROM (SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id ORDER BY ended_at DESC) AS n FROM recant.alarm WHERE ended_at IS NOT NULL) r
    WHERE n > $1 LIMIT $2) o
  WHERE a.tenant_id = o.tenant_id AND a.id = o.id`;

/** Deletes ended alarms that are old, or exceed what a tenant may have. Any number of processes may call it. @returns how many */
export async function pruneAlarms(pool: pg.Pool, nowMs: number, endedMax = ENDED_MAX): Promise<number> {
  const old = await untilFew(() => pool.query(OLD, [new Date(nowMs - ENDED_MS_MAX), ROWS_MAX]));
  return old + (await untilFew(() => pool.query(MANY, [endedMax, ROWS_MAX])));
}

async function untilFew(remove: () => Promise<pg.QueryResult>): Promise<number> {
  let all = 0;
  for (let removed = ROWS_MAX; removed === ROWS_MAX; all += removed) removed = (await remove()).rowCount ?? 0;
  return all;
}
