import type { PlanMode, RunState, StepOutcome, StepState } from '@recant/events';
import {
  type Account,
  accountOf,
  isRunEnd,
  nextRunState,
  nextStepState,
  type OutboxItem,
  type PlanSummary,
  type RunEvent,
  type RunLimits,
  type RunWait,
} from '@recant/runner';
import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { StoreError } from '../error.ts';
import { IN_FORCE } from '../fences/fence-row.ts';
import { fenceRun, liftFences, type RunFence, type RunFenced } from '../fences/run-fences.ts';
import { inTransaction } from '../in-transaction.ts';
import { isPermitted, type Permit, recordBreakGlass } from './approvals.ts';
import { HOLDS_BEFORE } from './holds.ts';
import { type LimitsRow, limitsOf } from './limits.ts';
import { putEvents } from './outbox.ts';
import { readRunSteps, type StepPage, type StepQuery } from './run-steps.ts';

export interface NewRun {
  readonly id: string;
  readonly plan: string;
  /** Digest of the confirmed plan, lower-case hex. */
  readonly digest: string;
  readonly by: string;
  readonly source: string;
  readonly steps: readonly number[];
  /** What each step writes, each resource once a step. */
  readonly resources: readonly { readonly step: number; readonly resource: string }[];
  readonly events: readonly OutboxItem[];
  readonly sequenceNext: number;
  readonly limits?: RunLimits;
  readonly permit?: Permit;
  /** Calls that must not be repeated. */
  readonly fence?: RunFence;
  /** Actions of earlier runs that this one undoes: their fences end. */
  readonly inverses?: readonly string[];
}

export interface StoredRun {
  readonly id: string;
  readonly plan: string;
  readonly digest: string;
  readonly by: string;
  readonly mode: PlanMode;
  readonly state: RunState;
  readonly alarm?: string;
  /** What the run waits for, if it does. */
  readonly waits: readonly StoredWait[];
  readonly createdAtMs: number;
  readonly finishedAtMs?: number;
  readonly stepCount: number;
  readonly account: Account;
  readonly limits: RunLimits;
  /** `inForce`: calls that are fenced now. */
  readonly fence?: RunFenced & { readonly inForce: number };
}

/** `run`: an older run holds one of its resources. `person`: stuck steps, or a pause. */
export interface StoredWait {
  readonly for: RunWait['for'] | 'run' | 'person';
  readonly code?: 'deadline_passed';
  readonly detail: string;
  readonly system?: string;
  readonly run?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

/** A run with its residue, without its steps. */
export interface FoundRun {
  readonly run: StoredRun;
  /** Number of steps, by state. */
  readonly states: Readonly<Partial<Record<StepState, number>>>;
  /** Steps whose inverse was intended. */
  readonly intended: number;
}

export interface RunPage {
  readonly runs: readonly StoredRun[];
  readonly next?: string;
}

export interface CreatedRun {
  readonly id: string;
  readonly created: boolean;
}

/** Runs as operators see and control them. Read-after-write. */
export interface Runs {
  /**
   * Stores the run, its steps, resources and first events in one transaction. A plan runs once: for a second request, `id` is the existing run's.
   * `withdrawn`: the approval that permits it was withdrawn meanwhile. @throws StoreError `too_many` fences
   */
  create(tenant: string, run: NewRun): Promise<CreatedRun | 'withdrawn'>;
  /** Id of the plan's run; undefined if it was not started. */
  ofPlan(tenant: string, plan: string): Promise<string | undefined>;
  find(tenant: string, id: string): Promise<FoundRun | undefined>;
  /** A page of the run's steps, in their order; undefined: no such run. */
  steps(tenant: string, id: string, query: StepQuery): Promise<StepPage | undefined>;
  /** Newest first. @throws StoreError `cursor_invalid` */
  list(tenant: string, page: { readonly limit: number; readonly cursor?: string | undefined }): Promise<RunPage>;
  /** @returns the current state if the transition table does not allow the event */
  act(tenant: string, id: string, event: Extract<RunEvent, 'pause' | 'resume' | 'cancel'>): Promise<'done' | 'unknown' | RunState>;
  actOnStep(
    tenant: string,
    id: string,
    step: number,
    event: 'retry' | 'skip',
  ): Promise<'done' | 'run_unknown' | 'step_unknown' | 'not_stuck'>;
  /** The stuck steps that match every given field. @returns their numbers; undefined: no such run */
  actOnSteps(tenant: string, id: string, which: WhichSteps, event: 'retry' | 'skip'): Promise<readonly number[] | undefined>;
}

export interface WhichSteps {
  readonly steps?: readonly number[] | undefined;
  /** With a finding of one of these codes, and of one of these systems. */
  readonly codes?: readonly string[] | undefined;
  readonly systems?: readonly string[] | undefined;
}

/** By the clock of the database. */
export const IS_LATE = 'coalesce(r.deadline_at <= clock_timestamp(), false)';
const RUN_COLUMNS = `r.id, r.plan_id, encode(r.digest, 'hex') AS digest, r.key_id, r.state, r.alarm, r.created_at, r.finished_at, r.source, r.waits, r.fence, r.deadline_at, r.rows_per_second, ${IS_LATE} AS is_late, p.mode, p.summary,
  CASE WHEN r.fence IS NOT NULL THEN (SELECT count(*)::int FROM recant.fence f WHERE f.tenant_id = r.tenant_id AND f.run_id = r.id AND ${IN_FORCE}) END AS fenced,
  CASE WHEN r.state = 'queued' THEN (SELECT older.id FROM recant.run older WHERE ${HOLDS_BEFORE} ORDER BY older.created_at, older.id LIMIT 1) END AS behind`;
const FROM = 'FROM recant.run r JOIN recant.plan p ON p.tenant_id = r.tenant_id AND p.id = r.plan_id';
const FIND = `SELECT ${RUN_COLUMNS} ${FROM} WHERE r.tenant_id = $1 AND r.id = $2`;
const OF_PLAN = 'SELECT id FROM recant.run WHERE tenant_id = $1 AND plan_id = $2';
const INSERT = `INSERT INTO recant.run (tenant_id, id, plan_id, digest, state, key_id, source, sequence_next, deadline_at, rows_per_second)
  VALUES ($1, $2, $3, decode($4, 'hex'), 'queued', $5, $6, $7, to_timestamp($8::bigint / 1000.0), $9) ON CONFLICT (tenant_id, plan_id) DO NOTHING`;
const COUNTS = `SELECT run_id, state, outcome, findings::jsonb @> '[{"code": "capture_incomplete"}]' AS incomplete,
    CASE WHEN findings LIKE '%"overwritten"%' THEN (SELECT count(*) FROM jsonb_array_elements(findings::jsonb) f WHERE f ->> 'code' = 'overwritten') ELSE 0 END::int AS overwritten,
    count(*)::int AS count, count(inverse_action)::int AS intended
  FROM recant.run_step WHERE tenant_id = $1 AND run_id = ANY ($2::text[]) GROUP BY 1, 2, 3, 4, 5`;
/** Lines of steps, and these lines. */
const RESIDUE_MAX = 1_000;
const RESIDUE = `SELECT residue FROM recant.run_step WHERE tenant_id = $1 AND run_id = $2 AND residue <> '[]' ORDER BY step LIMIT ${RESIDUE_MAX}`;

const ACT_ON_STEPS = `UPDATE recant.run_step SET state = $3 WHERE tenant_id = $1 AND run_id = $2 AND state = 'stuck'
  AND ($4::int[] IS NULL OR step = ANY ($4))
  AND ($5::text[] IS NULL OR EXISTS (SELECT 1 FROM jsonb_array_elements(findings::jsonb) f WHERE f ->> 'code' = ANY ($5)))
  AND ($6::text[] IS NULL OR EXISTS (SELECT 1 FROM jsonb_array_elements(findings::jsonb) f WHERE f ->> 'system' = ANY ($6))) RETURNING step`;
const LIFT_DEADLINE = 'UPDATE recant.run SET deadline_at = NULL WHERE tenant_id = $1 AND id = $2 AND deadline_at <= clock_timestamp()';
/** A run that no worker drives can be claimed at once, and asks again who did not answer. */
const SET_STATE = `UPDATE recant.run SET state = $3, lease_until = CASE WHEN worker IS NOT NULL THEN lease_until END,
    waits = CASE WHEN worker IS NULL THEN '[]' ELSE waits END
  WHERE tenant_id = $1 AND id = $2`;

export function createRuns(pool: pg.Pool): Runs {
  return {
    create: (tenant, run) => inTransaction(pool, (client) => insertRun(client, tenant, run)),
    async ofPlan(tenant, plan) {
      const { rows } = await asReader(pool, tenant, (client) => client.query(OF_PLAN, [tenant, plan]));
      return rows[0]?.id;
    },
    async find(tenant, id) {
      const { runs, counts, residue } = await asReader(pool, tenant, async (client) => ({
        runs: await client.query(FIND, [tenant, id]),
        counts: await client.query<StepCount>(COUNTS, [tenant, [id]]),
        residue: await client.query<{ residue: string }>(RESIDUE, [tenant, id]),
      }));
      const [row] = runs.rows;
      if (!row) return undefined;
      const run = summaryOf(row, counts.rows);
      const lines = residue.rows.flatMap((step) => JSON.parse(step.residue) as string[]).slice(0, RESIDUE_MAX);
      const states: Partial<Record<StepState, number>> = {};
      for (const { state, count } of counts.rows) states[state] = (states[state] ?? 0) + count;
      const intended = counts.rows.reduce((sum, group) => sum + group.intended, 0);
      return { run: { ...run, account: { ...run.account, residue: lines } }, states, intended };
    },
    steps: (tenant, id, query) => asReader(pool, tenant, (client) => readRunSteps(client, tenant, id, query)),
    async list(tenant, { limit, cursor }) {
      const after = cursor === undefined ? undefined : parseCursor(cursor);
      const before = after ? 'AND (r.created_at, r.id) < (to_timestamp($3::bigint / 1000.0), $4)' : '';
      const text = `SELECT ${RUN_COLUMNS} ${FROM} WHERE r.tenant_id = $1 ${before} ORDER BY r.created_at DESC, r.id DESC LIMIT $2`;
      const { rows, counts } = await asReader(pool, tenant, async (client) => {
        const { rows } = await client.query(text, [tenant, limit + 1, ...(after ?? [])]);
        return { rows, counts: await client.query(COUNTS, [tenant, rows.slice(0, limit).map((row) => row.id)]) };
      });
      const page = rows.slice(0, limit);
      const runs = page.map((row) =>
        summaryOf(
          row,
          counts.rows.filter((count) => count.run_id === row.id),
        ),
      );
      const last = page.at(-1);
      return { runs, ...(rows.length > limit && last ? { next: `${last.created_at.getTime()}.${last.id}` } : {}) };
    },
    act: (tenant, id, event) =>
      inTransaction(pool, async (client) => {
        const state = await lockState(client, tenant, id);
        if (state === undefined) return 'unknown';
        const to = nextRunState(state, event);
        if (to === undefined) return state;
        await setState(client, tenant, id, to);
        // Somebody decided to go on: a deadline that is over no longer counts.
        if (event === 'resume') await client.query(LIFT_DEADLINE, [tenant, id]);
        return 'done';
      }),
    actOnSteps: (tenant, id, which, event) => inTransaction(pool, (client) => actOnSteps(client, tenant, id, which, event)),
    actOnStep: (tenant, id, step, event) => inTransaction(pool, (client) => actOnStep(client, tenant, id, step, event)),
  };
}

async function insertRun(client: pg.PoolClient, tenant: string, run: NewRun): Promise<CreatedRun | 'withdrawn'> {
  const { permit = {}, limits = {} } = run;
  if (!(await isPermitted(client, tenant, run.plan, permit))) return 'withdrawn';
  const { rowCount } = await client.query(INSERT, [
    tenant,
    run.id,
    run.plan,
    run.digest,
    run.by,
    run.source,
    run.sequenceNext,
    limits.deadlineAtMs ?? null,
    limits.rowsPerSecond ?? null,
  ]);
  if (rowCount === 0) {
    const { rows } = await client.query(OF_PLAN, [tenant, run.plan]);
    return { id: rows[0].id, created: false };
  }
  await client.query(
    `INSERT INTO recant.run_step (tenant_id, run_id, step, state) SELECT $1, $2, step, 'pending' FROM unnest($3::int[]) AS u (step)`,
    [tenant, run.id, run.steps],
  );
  await client.query(
    'INSERT INTO recant.run_resource (tenant_id, run_id, step, resource) SELECT $1, $2, u.* FROM unnest($3::int[], $4::text[]) AS u (step, resource)',
    [tenant, run.id, run.resources.map(({ step }) => step), run.resources.map(({ resource }) => resource)],
  );
  await liftFences(client, tenant, run.inverses ?? [], run.by, run.id);
  if (run.fence !== undefined) await fenceRun(client, tenant, run.id, run.fence);
  await putEvents(client, tenant, run.source, run.events);
  await recordBreakGlass(client, tenant, run.plan, permit);
  return { id: run.id, created: true };
}

async function actOnStep(client: pg.PoolClient, tenant: string, id: string, step: number, event: 'retry' | 'skip') {
  // Locks the run's row first, like every commit of a worker: prevents deadlocks.
  const state = await lockState(client, tenant, id);
  if (state === undefined) return 'run_unknown';
  const { rows } = await client.query('SELECT state FROM recant.run_step WHERE tenant_id = $1 AND run_id = $2 AND step = $3', [
    tenant,
    id,
    step,
  ]);
  const [row] = rows;
  if (!row) return 'step_unknown';
  const to = nextStepState(row.state, event);
  if (to === undefined || row.state !== 'stuck' || isRunEnd(state)) return 'not_stuck';
  await client.query('UPDATE recant.run_step SET state = $4 WHERE tenant_id = $1 AND run_id = $2 AND step = $3', [tenant, id, step, to]);
  await setState(client, tenant, id, nextRunState(state, 'nudge') ?? state);
  return 'done';
}

async function actOnSteps(client: pg.PoolClient, tenant: string, id: string, which: WhichSteps, event: 'retry' | 'skip') {
  const state = await lockState(client, tenant, id);
  if (state === undefined) return undefined;
  const to = nextStepState('stuck', event);
  if (to === undefined || isRunEnd(state)) return [];
  const { steps = null, codes = null, systems = null } = which;
  const { rows } = await client.query<{ step: number }>(ACT_ON_STEPS, [tenant, id, to, steps, codes, systems]);
  if (rows.length > 0) await setState(client, tenant, id, nextRunState(state, 'nudge') ?? state);
  return rows.map(({ step }) => step).sort((a, b) => a - b);
}

async function lockState(client: pg.PoolClient, tenant: string, id: string): Promise<RunState | undefined> {
  const { rows } = await client.query('SELECT state FROM recant.run WHERE tenant_id = $1 AND id = $2 FOR UPDATE', [tenant, id]);
  return rows[0]?.state;
}

async function setState(client: pg.PoolClient, tenant: string, id: string, state: RunState): Promise<void> {
  await client.query(SET_STATE, [tenant, id, state]);
}

interface RunSqlRow extends LimitsRow {
  /** The deadline has passed. */
  readonly is_late: boolean;
  readonly id: string;
  readonly plan_id: string;
  readonly digest: string;
  readonly key_id: string;
  readonly state: RunState;
  readonly alarm: string | null;
  readonly created_at: Date;
  readonly finished_at: Date | null;
  readonly mode: PlanMode;
  readonly summary: string;
  readonly waits: string;
  readonly fence: RunFenced | null;
  readonly fenced: number | null;
  /** The run that it waits for. */
  readonly behind: string | null;
}

function toRun(row: RunSqlRow, { stepCount, stuck, account }: { stepCount: number; stuck: number; account: Account }): StoredRun {
  return {
    id: row.id,
    plan: row.plan_id,
    digest: row.digest,
    by: row.key_id,
    mode: row.mode,
    state: row.state,
    ...(row.alarm === null ? {} : { alarm: row.alarm }),
    waits: waitsOf(row, stuck),
    createdAtMs: row.created_at.getTime(),
    ...(row.finished_at === null ? {} : { finishedAtMs: row.finished_at.getTime() }),
    stepCount,
    account,
    limits: limitsOf(row),
    ...(row.fence && { fence: { ...row.fence, inForce: row.fenced ?? 0 } }),
  };
}

interface StepCount {
  readonly state: StepState;
  readonly outcome: StepOutcome | null;
  /** Steps with a finding `capture_incomplete`. */
  readonly incomplete: boolean;
  /** Findings `overwritten` of each of them. */
  readonly overwritten: number;
  readonly count: number;
  readonly intended: number;
}

/** Lists contain only counts; other findings and residue of steps are part of the run itself. */
function summaryOf(row: RunSqlRow, counts: readonly StepCount[]): StoredRun {
  const stuck = counts.filter(({ state }) => state === 'stuck').reduce((sum, { count }) => sum + count, 0);
  const steps = counts.flatMap(({ state, outcome, incomplete, overwritten, count }) =>
    Array.from({ length: count }, () => ({
      state,
      ...(outcome === null ? {} : { outcome }),
      findings: [
        ...(incomplete ? [{ code: 'capture_incomplete' as const, detail: '' }] : []),
        ...Array.from({ length: overwritten }, () => ({ code: 'overwritten' as const, detail: '' })),
      ],
      residue: [],
    })),
  );
  return toRun(row, { stepCount: steps.length, stuck, account: accountOf(JSON.parse(row.summary) as PlanSummary, steps) });
}

export function waitsOf(
  {
    state,
    waits,
    behind,
    deadline_at: deadlineAt,
    is_late: isLate,
  }: Pick<RunSqlRow, 'state' | 'waits' | 'behind' | 'deadline_at' | 'is_late'>,
  stuck: number,
): StoredWait[] {
  if (isRunEnd(state)) return [];
  const systems = (JSON.parse(waits) as RunWait[]).map(({ detail, system, sinceMs, untilMs }): StoredWait => {
    return { for: 'system', system, sinceMs, untilMs, detail: `System ${system} does not answer: ${detail}` };
  });
  const run: StoredWait[] = behind === null ? [] : [{ for: 'run', run: behind, detail: `Run ${behind} is working on the same resources.` }];
  const late = isLate
    ? {
        code: 'deadline_passed' as const,
        detail: `The run paused at its deadline, ${deadlineAt?.toISOString()}: resume it, which lifts the deadline, or cancel the rest.`,
      }
    : { detail: 'The run is paused.' };
  const paused: StoredWait[] = state === 'paused' ? [{ for: 'person', ...late }] : [];
  const person: StoredWait[] =
    stuck === 0
      ? []
      : [
          {
            for: 'person',
            detail: `${stuck} ${stuck === 1 ? 'step is' : 'steps are'} stuck: retry or skip ${stuck === 1 ? 'it' : 'them'}.`,
          },
        ];
  return [...run, ...systems, ...paused, ...person];
}

function parseCursor(cursor: string): readonly [string, string] {
  const match = /^(\d{1,15})\.([\w-]{1,64})$/.exec(cursor);
  if (!match) throw new StoreError('cursor_invalid', 'Invalid cursor: start again without a cursor.');
  return [match[1] as string, match[2] as string];
}
