import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import type { Projection } from '../project/projection.ts';
import { instantCursor, instantPlaceOf } from '../query/instant-cursor.ts';
import { pruneAlarms } from './prune.ts';
import { type Condition, fitSubject, raise } from './raise.ts';
import { ACTION_ROWS } from './watch-actions.ts';
import { watchLogs } from './watch-logs.ts';
import { watchRecords } from './watch-records.ts';

export interface AlarmRecord extends Condition {
  readonly id: string;
  /** Milliseconds since 1970, UTC. */
  readonly startedAtMs: number;
  /** Undefined while the condition lasts. */
  readonly endedAtMs?: number;
  readonly acknowledged?: { readonly atMs: number; readonly by: string };
}

export interface AlarmPage {
  readonly alarms: readonly AlarmRecord[];
  readonly next?: string;
}

/** Alarms of all tenants. At most one is open for a tenant, code and subject; any process may raise and clear it. */
export interface Alarms {
  /**
   * Opens alarms, or confirms open ones. Idempotent; another text than before withdraws the acknowledgement.
   * @param holdMs the alarm ends after this long unless it is raised again: for conditions that end with the process that sees them
   */
  raise(tenant: string, conditions: readonly Condition[], holdMs?: number): Promise<void>;
  /** Ends open alarms of a code. Idempotent. */
  clear(tenant: string, code: string, subjects: readonly string[]): Promise<void>;
  /**
   * Reads new entries of all logs and raises and clears the alarms about gaps, lost sources, dead letters and actions. Any number of processes may call it.
   * @param actionRows rows and files above which one action is an alarm, at least 1,000; default ACTION_ROWS
   */
  watchLogs(stopping: () => boolean, actionRows?: number): Promise<void>;
  /** Raises and clears the alarms about freezes and stuck steps. Any number of processes may call it. */
  watchRecords(): Promise<void>;
  /** Ends the alarms that nobody confirmed in time. */
  expire(): Promise<void>;
  /** Deletes alarms that ended 90 days ago, and all but the latest 10,000 ended ones of each tenant. @returns how many */
  prune(): Promise<number>;
  /** Newest first. @throws StoreError `cursor_invalid` */
  list(tenant: string, query: { readonly limit: number; readonly open?: boolean; readonly cursor?: string }): Promise<AlarmPage>;
  acknowledge(tenant: string, id: string, by: string): Promise<AlarmRecord | 'unknown' | 'ended'>;
  /** Open alarms without acknowledgement, by code, over all tenants. */
  countOpen(): Promise<ReadonlyMap<string, number>>;
}

const CLEAR = `UPDATE recant.alarm SET ended_at = greatest($4, started_at)
  WHERE tenant_id = $1 AND code = $2 AND subject = ANY ($3::text[]) AND ended_at IS NULL`;
const EXPIRE = 'UPDATE recant.alarm SET ended_at = greatest(expires_at, started_at) WHERE ended_at IS NULL AND expires_at < $1';
const COLUMNS = 'id, code, subject, detail, action, started_at, ended_at, acknowledged_at, acknowledged_by';
const LIST = `SELECT ${COLUMNS} FROM recant.alarm WHERE tenant_id = $1 AND (started_at, id) < ($2, $3::uuid) ORDER BY started_at DESC, id DESC LIMIT $4`;
const LIST_OPEN = LIST.replace('ORDER BY', 'AND ended_at IS NULL ORDER BY');
const ACKNOWLEDGE = `UPDATE recant.alarm SET acknowledged_at = $3, acknowledged_by = $4 WHERE tenant_id = $1 AND id = $2::uuid AND ended_at IS NULL RETURNING ${COLUMNS}`;
const EXISTS = 'SELECT FROM recant.alarm WHERE tenant_id = $1 AND id = $2::uuid';
const COUNT_OPEN = 'SELECT code, count(*)::int AS count FROM recant.alarm WHERE ended_at IS NULL AND acknowledged_at IS NULL GROUP BY code';

/** @param clock milliseconds since 1970, UTC */
export function createAlarms(pool: pg.Pool, projection: Pick<Projection, 'catchUp'>, clock: () => number): Alarms {
  return {
    watchLogs: (stopping, actionRows = ACTION_ROWS) => watchLogs({ pool, projection, clock, actionRows }, stopping),
    watchRecords: () => watchRecords(pool, clock),
    raise: (tenant, conditions, holdMs) => raise(pool, clock(), tenant, conditions, holdMs),
    async clear(tenant, code, subjects) {
      if (subjects.length > 0) await pool.query(CLEAR, [tenant, code, subjects.map((one) => fitSubject(one)), new Date(clock())]);
    },
    async expire() {
      await pool.query(EXPIRE, [new Date(clock())]);
    },
    prune: () => pruneAlarms(pool, clock()),
    async list(tenant, { limit, open = false, cursor }) {
      const read = (client: pg.PoolClient) =>
        client.query<AlarmSqlRow>(open ? LIST_OPEN : LIST, [tenant, ...instantPlaceOf(cursor), limit + 1]);
      const { rows } = await asReader(pool, tenant, read);
      const alarms = rows.slice(0, limit).map(toRecord);
      const last = alarms.at(-1);
      return rows.length <= limit || last === undefined ? { alarms } : { alarms, next: instantCursor(last.startedAtMs, last.id) };
    },
    async acknowledge(tenant, id, by) {
      const { rows } = await pool.query<AlarmSqlRow>(ACKNOWLEDGE, [tenant, id, new Date(clock()), by]);
      if (rows[0] !== undefined) return toRecord(rows[0]);
      return (await pool.query(EXISTS, [tenant, id])).rowCount === 0 ? 'unknown' : 'ended';
    },
    async countOpen() {
      const { rows } = await pool.query<{ code: string; count: number }>(COUNT_OPEN);
      return new Map(rows.map(({ code, count }) => [code, count]));
    },
  };
}

interface AlarmSqlRow {
  readonly id: string;
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
  readonly action: string;
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly acknowledged_at: Date | null;
  readonly acknowledged_by: string | null;
}

function toRecord({ id, code, subject, detail, action, started_at, ended_at, acknowledged_at, acknowledged_by }: AlarmSqlRow): AlarmRecord {
  return {
    id,
    code,
    subject,
    detail,
    action,
    startedAtMs: started_at.getTime(),
    ...(ended_at === null ? {} : { endedAtMs: ended_at.getTime() }),
    ...(acknowledged_at === null ? {} : { acknowledged: { atMs: acknowledged_at.getTime(), by: acknowledged_by ?? '' } }),
  };
}
