import type pg from 'pg';
import { inTransaction } from '../in-transaction.ts';
import { raise, type TenantCondition } from './raise.ts';

const LIMITS = "SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '5s'";
/** One process at a time: another's later look must not be undone by this one's earlier one. */
const LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('recant alarms of records', 0)) AS mine";
/** Rows of each kind; more would be alarms that nobody reads. */
const ROWS_MAX = 5_000;

/** By the partial index of freezes in force. */
const FROZEN = `SELECT tenant_id, scope, value, reason, ordered_by, ordered_at, expires_at FROM recant.freeze
  WHERE ended_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) ORDER BY ordered_at LIMIT ${ROWS_MAX}`;
/** One probe for each open run: its first stuck step. */
const STUCK = `SELECT r.tenant_id, r.id AS run, r.plan_id AS plan, s.step, s.findings::jsonb -> 0 ->> 'detail' AS finding FROM recant.run r
  CROSS JOIN LATERAL (SELECT step, findings FROM recant.run_step WHERE tenant_id = r.tenant_id AND run_id = r.id AND state = 'stuck' ORDER BY step LIMIT 1) s
  WHERE r.state <> ALL (ARRAY['finished', 'cancelled']) ORDER BY r.created_at LIMIT ${ROWS_MAX}`;
const END_OTHERS = `UPDATE recant.alarm SET ended_at = greatest($4, started_at) WHERE code = $1 AND ended_at IS NULL
  AND (tenant_id, subject) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))`;

/** Keeps the alarms about freezes and stuck steps equal to the rows that say so, which any process may write. Any number of processes may call it. */
export async function watchRecords(pool: pg.Pool, clock: () => number): Promise<void> {
  await inTransaction(pool, (client) => watchAll(client, clock()), LIMITS);
}

async function watchAll(client: pg.ClientBase, nowMs: number): Promise<void> {
  if (!(await client.query<{ mine: boolean }>(LOCK)).rows[0]?.mine) return;
  await keep(client, 'frozen', (await client.query<FreezeRow>(FROZEN)).rows.map(frozenOf), nowMs);
  await keep(client, 'step_stuck', (await client.query<StuckRow>(STUCK)).rows.map(stuckOf), nowMs);
}

async function keep(client: pg.ClientBase, code: string, found: readonly TenantCondition[], nowMs: number): Promise<void> {
  for (const [tenant, conditions] of Map.groupBy(found, (one) => one.tenant)) await raise(client, nowMs, tenant, conditions);
  await client.query(END_OTHERS, [code, found.map(({ tenant }) => tenant), found.map(({ subject }) => subject), new Date(nowMs)]);
}

interface FreezeRow {
  readonly tenant_id: string;
  readonly scope: string;
  readonly value: string;
  readonly reason: string;
  readonly ordered_by: string;
  readonly ordered_at: Date;
  readonly expires_at: Date | null;
}

function frozenOf({ tenant_id, scope, value, reason, ordered_by, ordered_at, expires_at }: FreezeRow): TenantCondition {
  const until = expires_at === null ? '' : ` until ${expires_at.toISOString()}`;
  return {
    tenant: tenant_id,
    code: 'frozen',
    subject: `${scope} ${value}`.trim(),
    detail: `Frozen by ${ordered_by} at ${ordered_at.toISOString()}${until}: ${reason}`,
    action:
      'Nothing, until the cause is settled: no recorder starts its actions. `recant frozen` says whether it is effective, `recant thaw` ends it.',
  };
}

interface StuckRow {
  readonly tenant_id: string;
  readonly run: string;
  readonly plan: string;
  readonly step: number;
  readonly finding: string | null;
}

function stuckOf({ tenant_id, run, plan, step, finding }: StuckRow): TenantCondition {
  return {
    tenant: tenant_id,
    code: 'step_stuck',
    subject: run,
    detail: `Step ${step} of the run of plan ${plan} is stuck${finding === null ? '.' : `: ${finding}`}`,
    action: `Correct the cause, then \`recant run retry ${run} --all\`; or leave it undone: \`recant run skip ${run} --step ${step}\`. \`recant status ${run}\` has every stuck step.`,
  };
}
