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
const CONTESTING = `SELECT d.bytes FROM recant.settlement s JOIN recant.dead_letter d USING (tenant_id, shard, idx)
  WHERE s.tenant_id = $1 AND s.action = $2::uuid ORDER BY shard, idx`;

export interface AttemptDetail {
  readonly source: string;
  readonly attempt: number;
  /** Computed from the events, including equivocating settlements. */
  readonly state: AttemptState;
  /** In log order. */
  readonly events: readonly RecordedEvent[];
}

/** Values of the uuid column; any other text matches no action. */
export const ACTION = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** All attempts of an action with their events; empty if the tenant has no such action. */
export async function readAction(pool: pg.Pool, tenant: string, action: string, nowMs: number): Promise<readonly AttemptDetail[]> {
  if (!ACTION.test(action)) return [];
  const { rows, letters } = await asReader(pool, tenant, async (client) => ({
    rows: (await client.query(ENTRIES_OF_ACTION, [tenant, action])).rows,
    letters: (await client.query(CONTESTING, [tenant, action])).rows,
  }));
  const contesting = letters.map(({ bytes }) => JSON.parse(bytes.toString()) as RecantEvent);
  const groups = Map.groupBy(rows.map(toRecordedEvent), ({ event }) => attemptKey(event));
  return [...groups.keys()].sort().map((key) => {
    const events = groups.get(key) as RecordedEvent[];
    const { source, attempt } = refOfEvent((events[0] as RecordedEvent).event as AttemptEvent);
    const others = contesting.filter((event) => 'attempt' in event.data && attemptKey(event) === key);
    return { source, attempt, state: attemptState([...events.map(({ event }) => event), ...others], nowMs), events };
  });
}

function attemptKey(event: RecantEvent): string {
  const { source, attempt } = refOfEvent(event as AttemptEvent);
  return `${source} ${String(attempt).padStart(10, '0')}`;
}
