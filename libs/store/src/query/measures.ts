import type pg from 'pg';
import { BEHIND } from '../project/projection.ts';

/** Numbers over all tenants. Each costs probes of open alarms, open runs and logs; none reads history. */
export interface Measures {
  /** Open alarms by code. */
  readonly alarms: readonly { readonly code: string; readonly open: number; readonly acknowledged: number }[];
  /** Runs that have not ended, by state. */
  readonly runs: readonly { readonly state: string; readonly count: number }[];
  /** Logs with entries that no signed checkpoint covers, and when the oldest of these entries was received. */
  readonly unpublished: { readonly logs: number; readonly oldestMs: number | undefined };
  /** Entries that the read models lack, and when the oldest of them was received. */
  readonly unprojected: { readonly entries: number; readonly oldestMs: number | undefined };
}

const ALARMS = `SELECT code, count(*) FILTER (WHERE acknowledged_at IS NULL)::int AS open, count(acknowledged_at)::int AS acknowledged
  FROM recant.alarm WHERE ended_at IS NULL GROUP BY code ORDER BY code`;
/** The condition of run_open_idx. */
const RUNS = `SELECT state, count(*)::int AS count FROM recant.run WHERE state <> ALL (ARRAY['finished', 'cancelled']) GROUP BY state ORDER BY state`;
/** Two index probes for a log, a third for one with unpublished entries. */
const UNPUBLISHED = `SELECT count(*)::int AS logs, min(o.received_ms)::float8 AS oldest_ms FROM recant.log l
  LEFT JOIN LATERAL (SELECT size FROM recant.checkpoint WHERE tenant_id = l.tenant_id AND shard = l.shard AND epoch = l.epoch ORDER BY size DESC LIMIT 1) c ON true
  LEFT JOIN recant.epoch p ON p.tenant_id = l.tenant_id AND p.shard = l.shard AND p.epoch = l.epoch
  LEFT JOIN LATERAL (SELECT recant.received_ms(frame) AS received_ms FROM recant.entry
    WHERE tenant_id = l.tenant_id AND shard = l.shard AND idx >= coalesce(c.size, p.start, 0) ORDER BY idx LIMIT 1) o ON true
  WHERE l.size > coalesce(c.size, p.start, 0)`;

const UNPROJECTED = `SELECT coalesce(sum(entries), 0)::float8 AS entries, min(oldest_ms)::float8 AS oldest_ms FROM (${BEHIND}) b`;

export async function readMeasures(pool: pg.Pool): Promise<Measures> {
  const alarms = (await pool.query(ALARMS)).rows;
  const runs = (await pool.query(RUNS)).rows;
  const [{ logs, oldest_ms }] = (await pool.query(UNPUBLISHED)).rows as [{ logs: number; oldest_ms: number | null }];
  const [behind] = (await pool.query(UNPROJECTED)).rows as [{ entries: number; oldest_ms: number | null }];
  return {
    alarms,
    runs,
    unpublished: { logs, oldestMs: oldest_ms ?? undefined },
    unprojected: { entries: behind.entries, oldestMs: behind.oldest_ms ?? undefined },
  };
}
