import type { LogKey } from '@recant/ledger';
import type pg from 'pg';
import { ACTION } from '../query/action.ts';

/** The settlement of an attempt, else its intent, else what its target recorded; the first received of several. */
const PLACE = `SELECT shard, idx FROM (
    SELECT 0 AS rank, s.received_at, s.shard, s.idx FROM recant.settlement s WHERE s.tenant_id = $1 AND s.action = $2 AND s.attempt = $3
      AND EXISTS (SELECT 1 FROM recant.entry e WHERE e.tenant_id = s.tenant_id AND e.shard = s.shard AND e.idx = s.idx AND e.event_id IS NOT NULL)
    UNION ALL SELECT 1, received_at, shard, idx FROM recant.attempt WHERE tenant_id = $1 AND action = $2 AND attempt = $3
    UNION ALL SELECT 2, received_at, shard, idx FROM recant.observed WHERE tenant_id = $1 AND action = $2 AND attempt = $3) k
  ORDER BY rank, received_at, shard, idx LIMIT 1`;
const LAST_ATTEMPT = `SELECT max(attempt) AS attempt FROM (SELECT attempt FROM recant.attempt WHERE tenant_id = $1 AND action = $2
  UNION ALL SELECT attempt FROM recant.observed WHERE tenant_id = $1 AND action = $2) k`;

export interface ReceiptPlace {
  readonly log: LogKey;
  readonly index: bigint;
}

/** @param attempt default: the last one */
export async function findReceiptPlace(
  pool: pg.Pool,
  tenant: string,
  action: string,
  attempt: number | undefined,
): Promise<ReceiptPlace | undefined> {
  if (!ACTION.test(action)) return undefined;
  const wanted = attempt ?? (await pool.query(LAST_ATTEMPT, [tenant, action])).rows[0]?.attempt;
  const { rows } = await pool.query(PLACE, [tenant, action, wanted ?? 1]);
  return rows[0] && { log: { tenant, shard: rows[0].shard }, index: BigInt(rows[0].idx) };
}
