import { type AttemptEvent, type AttemptFold, type AttemptState, createAttemptFold, type Ruling, refOfEvent } from '@recant/ledger';
import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { readCursor } from '../audit/read-cursor.ts';
import { StoreError } from '../error.ts';
import { type RecordedEvent, toRecordedEvent } from './recorded-event.ts';
import { readRulings } from './rulings.ts';
import { readUndone, type Undone } from './undone.ts';

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
  /** Computed from all events. */
  readonly state: AttemptState;
  readonly undone?: Undone;
  /** What a person found out while the outcome was unknown. */
  readonly ruling?: Ruling;
  /** The intent, or else the first event in log order. */
  readonly first: RecordedEvent;
  /** Those in this page, in log order. */
  readonly events: readonly RecordedEvent[];
}

export interface ActionQuery {
  readonly nowMs: number;
  readonly cursor?: string;
  /** Aborted when the caller is gone: ends the query. */
  readonly signal?: AbortSignal;
}

export interface ActionPage {
  readonly attempts: readonly AttemptDetail[];
  readonly next?: string;
}

/** Values of the uuid column; any other text matches no action. */
export const ACTION = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Bytes of events in one page; a page has at least one event. */
const PAGE_BYTES_MAX = 4_194_304;
/** Bounds memory: an event can have 256 KiB. */
const EVENTS_PER_FETCH = 32;

interface Group {
  readonly source: string;
  readonly attempt: number;
  readonly fold: AttemptFold;
  first: RecordedEvent;
  readonly events: RecordedEvent[];
}
type Row = Parameters<typeof toRecordedEvent>[0];

/**
 * All attempts of an action, with a page of their events in log order; empty if the tenant has no such action. Each page reads all events, because the state
 * of an attempt follows from all of them, and keeps those of the page. @throws StoreError `cursor_invalid`
 */
export async function readAction(
  pool: pg.Pool,
  tenant: string,
  action: string,
  { nowMs, cursor, signal }: ActionQuery,
): Promise<ActionPage> {
  const after = cursor === undefined ? undefined : placeOf(cursor);
  if (!ACTION.test(action)) return { attempts: [] };
  const groups = new Map<string, Group>();
  let bytes = 0;
  let last: Row | undefined;
  let next: string | undefined;
  const add = (row: Row): void => {
    const recorded = toRecordedEvent(row);
    const group = groupOf(groups, recorded);
    group.fold.add(recorded);
    if (next !== undefined || (after !== undefined && !isAfter(row, after))) return;
    if (last !== undefined && bytes + row.frame.length > PAGE_BYTES_MAX) {
      next = `${last.shard}.${last.idx}`;
      return;
    }
    bytes += row.frame.length;
    last = row;
    group.events.push(recorded);
  };
  const { undoneOf, rulingOf } = await asReader(
    pool,
    tenant,
    async (client) => {
      const rows = readCursor(client, 'action', ENTRIES_OF_ACTION, [tenant, action], (row) => row as unknown as Row, EVENTS_PER_FETCH);
      for await (const row of rows) {
        signal?.throwIfAborted();
        add(row);
      }
      const refs = [...groups.values()].map(({ source, attempt }) => ({ source, action, attempt }));
      return { undoneOf: await readUndone(client, tenant, refs), rulingOf: await readRulings(client, tenant, action) };
    },
    signal,
  );
  const attempts = [...groups.keys()].sort().map((key) => {
    const { fold, ...group } = groups.get(key) as Group;
    const ref = { source: group.source, action, attempt: group.attempt };
    const [undone, ruling] = [undoneOf(ref), rulingOf(ref)];
    return { ...group, state: fold.state(nowMs), ...(undone && { undone }), ...(ruling && { ruling }) };
  });
  return { attempts, ...(next === undefined ? {} : { next }) };
}

function groupOf(groups: Map<string, Group>, recorded: RecordedEvent): Group {
  const event = recorded.event as AttemptEvent;
  const { source, attempt } = refOfEvent(event);
  const key = `${source} ${String(attempt).padStart(10, '0')}`;
  const group = groups.get(key) ?? { source, attempt, fold: createAttemptFold(), first: recorded, events: [] };
  groups.set(key, group);
  if (event.type === 'recant.attempt.intended.v1' && group.first.event.type !== event.type) group.first = recorded;
  return group;
}

interface Place {
  readonly shard: number;
  readonly idx: bigint;
}

function placeOf(cursor: string): Place {
  const match = /^([0-9]{1,5})\.([0-9]{1,18})$/.exec(cursor);
  if (match === null) throw new StoreError('cursor_invalid', 'Invalid cursor: start again without a cursor.');
  return { shard: Number(match[1]), idx: BigInt(match[2] as string) };
}

const isAfter = ({ shard, idx }: Row, after: Place): boolean => shard > after.shard || (shard === after.shard && BigInt(idx) > after.idx);
