import type { RunState } from '@recant/events';
import type { PlanHeader } from '@recant/planner';
import { type Change, type Claim, type Committed, isRunEnd, type RunStore, type RunWait, type StepChange } from '@recant/runner';
import type pg from 'pg';
import { endFencesNotUndone } from '../fences/run-fences.ts';
import { inTransaction } from '../in-transaction.ts';
import { HOLDS_BEFORE } from './holds.ts';
import { limitsOf } from './limits.ts';
import { putEvents } from './outbox.ts';
import { STEP_COLUMNS, type StepSqlRow, toStep } from './step-row.ts';

/** Claims the oldest runnable run without a live lease, unless an older run holds one of its resources. Leases use the database's clock. */
const CLAIM = `UPDATE recant.run SET token = token + 1, worker = $1, alarm = NULL, lease_until = now() + $2 * interval '1 millisecond'
  WHERE (tenant_id, id) = (
    SELECT r.tenant_id, r.id FROM recant.run r
    WHERE ($3::text IS NULL OR r.tenant_id = $3) AND r.state IN ('queued', 'running', 'pausing', 'cancelling') AND (r.lease_until IS NULL OR r.lease_until <= now())
      AND NOT EXISTS (SELECT 1 FROM recant.run older WHERE ${HOLDS_BEFORE})
    ORDER BY r.created_at, r.id LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING tenant_id, id, token`;
const LOAD = `SELECT r.state, r.waits, r.plan_id, encode(r.digest, 'hex') AS digest, r.source, r.sequence_next, r.created_at, r.deadline_at, r.rows_per_second,
    (extract(epoch FROM r.rate_free_at - clock_timestamp()) * 1000)::float8 AS rate_free_ms, p.header
  FROM recant.run r JOIN recant.plan p ON p.tenant_id = r.tenant_id AND p.id = r.plan_id
  WHERE r.tenant_id = $1 AND r.id = $2 AND r.token = $3`;
const LOCK = 'SELECT state, token, sequence_next, source FROM recant.run WHERE tenant_id = $1 AND id = $2 FOR UPDATE';
/** What ended holds up no other run. */
const RELEASE = 'DELETE FROM recant.run_resource WHERE tenant_id = $1 AND run_id = $2 AND step = ANY ($3::int[])';
const IN_FLIGHT = `SELECT 1 FROM recant.run_step WHERE tenant_id = $1 AND run_id = $2 AND state IN ('started', 'taking_back', 'skipping') LIMIT 1`;
const ADVANCE = `UPDATE recant.run SET lease_until = now() + $3 * interval '1 millisecond', sequence_next = sequence_next + $4, state = $5,
    alarm = CASE WHEN $6 THEN $7 ELSE alarm END, waits = coalesce($9, waits),
    rate_free_at = coalesce(clock_timestamp() + $10::float8 * interval '1 millisecond', rate_free_at), finished_at = CASE WHEN $8 THEN now() ELSE finished_at END
  WHERE tenant_id = $1 AND id = $2`;
/** One statement for all steps; columns missing from a change keep their value. */
const STEPS = `UPDATE recant.run_step s SET state = coalesce(u.state, s.state), outcome = coalesce(u.outcome, s.outcome),
    findings = coalesce(u.findings, s.findings), residue = coalesce(u.residue, s.residue),
    inverse_action = coalesce(u.inverse, s.inverse_action), take_back_action = coalesce(u.take_back, s.take_back_action)
  FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::uuid[]) AS u (step, state, outcome, findings, residue, inverse, take_back)
  WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.step = u.step`;

/** @param leaseMs renewed by every commit @param tenantOf tenant whose runs are claimed; undefined for all tenants */
export function createRunStore(
  pool: pg.Pool,
  leaseMs: number,
  tenantOf: () => Promise<string | undefined> = async () => undefined,
): RunStore {
  return {
    async claim(worker, forMs) {
      const { rows } = await pool.query(CLAIM, [worker, forMs, (await tenantOf()) ?? null]);
      const [row] = rows;
      return row && { tenant: row.tenant_id, run: row.id, token: BigInt(row.token) };
    },
    async load(claim) {
      const { tenant, run, token } = claim;
      const { rows } = await pool.query(LOAD, [tenant, run, token.toString()]);
      const [row] = rows;
      if (!row) return undefined;
      const steps = await pool.query<StepSqlRow>(
        `SELECT ${STEP_COLUMNS} FROM recant.run_step WHERE tenant_id = $1 AND run_id = $2 ORDER BY step`,
        [tenant, run],
      );
      return {
        claim,
        state: row.state,
        plan: row.plan_id,
        digest: row.digest,
        header: JSON.parse(row.header) as PlanHeader,
        source: row.source,
        sequenceNext: Number(row.sequence_next),
        steps: steps.rows.map((step) => toStep(step, row.source)),
        waits: JSON.parse(row.waits) as RunWait[],
        createdAtMs: row.created_at.getTime(),
        limits: limitsOf(row),
        ...(row.rate_free_ms > 0 && { rateFreeMs: row.rate_free_ms }),
      };
    },
    commit: (claim, change) => inTransaction(pool, (client) => commit(client, claim, change, leaseMs)),
    async renew({ tenant, run, token }) {
      const text = `UPDATE recant.run SET lease_until = now() + $4 * interval '1 millisecond' WHERE tenant_id = $1 AND id = $2 AND token = $3 RETURNING state`;
      return (await pool.query<{ state: RunState }>(text, [tenant, run, token.toString(), leaseMs])).rows[0]?.state;
    },
    async release({ tenant, run, token }, pauseMs) {
      const text = `UPDATE recant.run SET lease_until = CASE WHEN $4 > 0 THEN now() + $4 * interval '1 millisecond' END, worker = NULL WHERE tenant_id = $1 AND id = $2 AND token = $3`;
      await pool.query(text, [tenant, run, token.toString(), pauseMs ?? 0]);
    },
  };
}

async function commit(client: pg.PoolClient, { tenant, run, token }: Claim, change: Change, leaseMs: number): Promise<Committed> {
  const { rows } = await client.query(LOCK, [tenant, run]);
  const [row] = rows;
  const [first] = change.events;
  if (!row || BigInt(row.token) !== token || (first && first.sequence !== Number(row.sequence_next))) return { kind: 'lost' };
  const current = row.state as RunState;
  const to = change.run?.to ?? current;
  if (change.run && change.run.from !== current) return { kind: 'moved', state: current };
  // An operator may have acted on a stuck step since this worker read it.
  const stops = change.run !== undefined && (to === 'waiting' || to === 'paused' || isRunEnd(to));
  if (stops && (await client.query(IN_FLIGHT, [tenant, run])).rowCount !== 0) return { kind: 'moved', state: current };
  await client.query(ADVANCE, [
    tenant,
    run,
    leaseMs,
    change.events.length,
    to,
    change.alarm !== undefined,
    change.alarm ?? null,
    isRunEnd(to),
    isRunEnd(to) ? '[]' : change.waits && JSON.stringify(change.waits),
    change.rateFreeMs ?? null,
  ]);
  await putSteps(client, tenant, run, change.steps);
  await putEvents(client, tenant, row.source, change.events);
  const ended = change.steps.filter(({ state }) => state === 'ended').map(({ step }) => step);
  if (ended.length > 0) await client.query(RELEASE, [tenant, run, ended]);
  if (isRunEnd(to)) {
    await client.query('DELETE FROM recant.run_resource WHERE tenant_id = $1 AND run_id = $2', [tenant, run]);
    await endFencesNotUndone(client, tenant, run);
  }
  return { kind: 'committed', state: to };
}

async function putSteps(client: pg.PoolClient, tenant: string, run: string, steps: readonly StepChange[]): Promise<void> {
  if (steps.length === 0) return;
  const column = <T>(value: (change: StepChange) => T | undefined): (T | null)[] => steps.map((change) => value(change) ?? null);
  await client.query(STEPS, [
    tenant,
    run,
    column(({ step }) => step),
    column(({ state }) => state),
    column(({ outcome }) => outcome),
    column(({ findings }) => findings && JSON.stringify(findings)),
    column(({ residue }) => residue && JSON.stringify(residue)),
    column(({ inverse }) => inverse?.action),
    column(({ takeBack }) => takeBack?.action),
  ]);
}
