import type { RecantEvent } from '@recant/events';
import { type AttemptEvent, type AttemptState, attemptState, refOfEvent } from '@recant/ledger';
import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { type RecordedEvent, toRecordedEvent } from './recorded-event.ts';

/** Finds an action's sources by its intents, settlements and observed events; its events are one range of the dedupe key per source. */
const ENTRIES_OF_ACTION = `SELECT e.shard, e.idx, e.frame
  FROM (SELECT source_no FROM recant.attempt WHERE tenant_id = $1 AND action = $2::uuid
    UNION SELECT source_no FROM recant.settlement WHERE tenant_id = $1 AND action = $2::uuid
    UNION SELECT source_no FROM recant.observed WHERE tenant_id = $1 AND action = $2::uuid) k
  CROSS JOIN LATERAL recant.read_entries(k.source_no, $2 || '.', $2 || '/') e
  ORDER BY e.shard, e.idx`;

export interface AttemptDetail {
  readonly source: string;
  readonly attempt: number;
  /** Computed from the events. */
  readonly state: AttemptState;
  /** In log order. */
  readonly events: readonly RecordedEvent[];
}

/** Values of the uuid column; any other text matches no action. */
export const ACTION = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** All attempts of an action with their events; empty if the tenant has no such action. */
export async function readAction(
  pool: pg.Pool,
  tenant: string,
  action: string,
  nowMs: number,
  signal?: AbortSignal,
): Promise<readonly AttemptDetail[]> {
  if (!ACTION.test(action)) return [];
  const { rows } = await asReader(pool, tenant, (client) => client.query(ENTRIES_OF_ACTION, [tenant, action]), signal);
  const groups = Map.groupBy(rows.map(toRecordedEvent), ({ event }) => attemptKey(event));
  return [...groups.keys()].sort().map((key) => {
    const events = groups.get(key) as RecordedEvent[];
    const { source, attempt } = refOfEvent((events[0] as RecordedEvent).event as AttemptEvent);
    return { source, attempt, state: attemptState(events, nowMs), events };
  });
}

function attemptKey(event: RecantEvent): string {
  const { source, attempt } = refOfEvent(event as AttemptEvent);
  return `${source} ${String(attempt).padStart(10, '0')}`;
}
