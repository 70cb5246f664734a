import type { RunState, StepOutcome, StepState } from '@recant/events';
import { createFairSlots } from '@recant/queues';
import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { HOLDS_BEFORE } from './holds.ts';
import { IS_LATE, type StoredWait, waitsOf } from './runs.ts';

/** How far a run is, in the size of a few counts. */
export interface StoredRunProgress {
  readonly id: string;
  readonly state: RunState;
  readonly alarm?: string;
  readonly waits: readonly StoredWait[];
  readonly createdAtMs: number;
  readonly finishedAtMs?: number;
  readonly steps: number;
  readonly states: Readonly<Partial<Record<StepState, number>>>;
  /** Ended steps. */
  readonly outcomes: Readonly<Partial<Record<StepOutcome, number>>>;
  /** Stuck steps by the code of their first finding, most frequent first. */
  readonly stuck: readonly { readonly code: string; readonly steps: number }[];
  /** Rows and files of steps that have not ended, once for each step. */
  readonly rowsLeft: number;
  /** Milliseconds since 1970 by the database's clock: when it was read. */
  readonly atMs: number;
}

/** Undefined: the tenant has no such run. Reads two indexes over the run's steps: about 0.1 s for 100,000 steps (2026-12). */
export type ReadRunProgress = (tenant: string, run: string) => Promise<StoredRunProgress | undefined>;

const RUN = `SELECT r.id, r.state, r.alarm, r.created_at, r.finished_at, r.waits, r.deadline_at, ${IS_LATE} AS is_late, floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS at_ms,
    CASE WHEN r.state = 'queued' THEN (SELECT older.id FROM recant.run older WHERE ${HOLDS_BEFORE} ORDER BY older.created_at, older.id LIMIT 1) END AS behind
  FROM recant.run r WHERE r.tenant_id = $1 AND r.id = $2`;
const STEPS = `SELECT state, outcome, CASE WHEN state = 'stuck' THEN findings::jsonb -> 0 ->> 'code' END AS code, count(*)::int AS count
  FROM recant.run_step WHERE tenant_id = $1 AND run_id = $2 GROUP BY 1, 2, 3 ORDER BY 4 DESC, 3`;
/** A step releases its resources when it ends. */
const ROWS = 'SELECT count(*)::int AS rows FROM recant.run_resource WHERE tenant_id = $1 AND run_id = $2';

interface RunRow {
  readonly id: string;
  readonly state: RunState;
  readonly alarm: string | null;
  readonly created_at: Date;
  readonly finished_at: Date | null;
  readonly waits: string;
  readonly deadline_at: Date | null;
  readonly is_late: boolean;
  readonly behind: string | null;
  readonly at_ms: number;
}

interface CountRow {
  readonly state: StepState;
  readonly outcome: StepOutcome | null;
  readonly code: string | null;
  readonly count: number;
}

/** Reads at once, of all tenants and of one: workers commit over the same connections, and many people watch. */
const READS_MAX = 2;
const READS_OF_TENANT_MAX = 1;

export function runProgressReader(pool: pg.Pool): ReadRunProgress {
  const slots = createFairSlots(READS_MAX, READS_OF_TENANT_MAX);
  return (tenant, run) => slots.run(tenant, () => asReader(pool, tenant, (client) => readProgress(client, tenant, run)));
}

/** The run is read before its steps: where it has ended, the counts are final. */
async function readProgress(client: pg.PoolClient, tenant: string, run: string): Promise<StoredRunProgress | undefined> {
  const [row] = (await client.query<RunRow>(RUN, [tenant, run])).rows;
  if (!row) return undefined;
  const counts = await client.query<CountRow>(STEPS, [tenant, run]);
  const left = await client.query<{ readonly rows: number }>(ROWS, [tenant, run]);
  return progressOf(row, counts.rows, left.rows[0]?.rows ?? 0);
}

function progressOf(row: RunRow, counts: readonly CountRow[], rowsLeft: number): StoredRunProgress {
  const states: Partial<Record<StepState, number>> = {};
  const outcomes: Partial<Record<StepOutcome, number>> = {};
  for (const { state, outcome, count } of counts) {
    states[state] = (states[state] ?? 0) + count;
    if (outcome !== null) outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
  }
  return {
    id: row.id,
    state: row.state,
    ...(row.alarm === null ? {} : { alarm: row.alarm }),
    waits: waitsOf(row, states.stuck ?? 0),
    createdAtMs: row.created_at.getTime(),
    ...(row.finished_at === null ? {} : { finishedAtMs: row.finished_at.getTime() }),
    steps: counts.reduce((sum, { count }) => sum + count, 0),
    states,
    outcomes,
    stuck: counts.flatMap(({ state, code, count }) => (state === 'stuck' ? [{ code: code ?? 'unknown', steps: count }] : [])),
    rowsLeft,
    atMs: row.at_ms,
  };
}
