import type { Approval, Statement, Statements } from '@recant/policy';
import type pg from 'pg';
import { type Condition, raise } from '../alarms/raise.ts';
import { inTransaction } from '../in-transaction.ts';

/** Most recent approvals read per plan. */
const APPROVALS_MAX = 100;

/** What was said about plans. Insert-only; read-after-write. A compromise allows runs without a second person; the log then has no act of approval. */
export interface Approvals {
  put(tenant: string, plan: string, approval: Approval): Promise<void>;
  /** Withdraws every approval before it, unless the plan's run exists: a run starts before a withdrawal or after it, never at once. */
  withdraw(tenant: string, plan: string, statement: Statement): Promise<Withdrawn>;
  of(tenant: string, plan: string): Promise<Statements>;
}

/** `none`: no approval is left to withdraw. `started`: the plan's run. */
export type Withdrawn = { readonly kind: 'done' | 'none' } | { readonly kind: 'started'; readonly run: string };

/** Serializes the start of a plan's run with the withdrawal of its approvals, until the transaction ends. */
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))`;
const INSERT = `INSERT INTO recant.approval (tenant_id, plan_id, person, approved_at, digest, expires_at, reason, kind)
  VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0), decode($5, 'hex'), to_timestamp($6::bigint / 1000.0), $7, 'approve') ON CONFLICT DO NOTHING`;
/** Not before any approval, whatever the clocks of two processes say. No row: nothing is left to withdraw. */
const WITHDRAW = `INSERT INTO recant.approval (tenant_id, plan_id, person, approved_at, digest, reason, kind)
  SELECT $1, $2, $3, greatest(to_timestamp($4::bigint / 1000.0), max(approved_at)), decode($5, 'hex'), $6, 'withdraw'
  FROM recant.approval a WHERE tenant_id = $1 AND plan_id = $2 AND kind = 'approve'
    AND approved_at > coalesce((SELECT max(approved_at) FROM recant.approval w WHERE w.tenant_id = $1 AND w.plan_id = $2 AND w.kind = 'withdraw'), '-infinity')
  HAVING count(*) > 0`;
const BREAK_GLASS = `INSERT INTO recant.approval (tenant_id, plan_id, person, approved_at, digest, reason, kind)
  VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0), decode($5, 'hex'), $6, 'break_glass')`;
const RUN = 'SELECT id FROM recant.run WHERE tenant_id = $1 AND plan_id = $2';
const WITHDRAWN_SINCE = `SELECT 1 FROM recant.approval
  WHERE tenant_id = $1 AND plan_id = $2 AND kind = 'withdraw' AND approved_at >= to_timestamp($3::bigint / 1000.0) LIMIT 1`;
const LATEST = (
  kind: string,
  limit: number,
): string => `(SELECT kind, person, encode(digest, 'hex') AS digest, approved_at, expires_at, reason
  FROM recant.approval WHERE tenant_id = $1 AND plan_id = $2 AND kind = '${kind}' ORDER BY approved_at DESC LIMIT ${limit})`;
const SELECT = [LATEST('approve', APPROVALS_MAX), LATEST('withdraw', 1), LATEST('break_glass', 1)].join(' UNION ALL ');

export function createApprovals(pool: pg.Pool): Approvals {
  return {
    async put(tenant, plan, { by, digest, approvedAtMs, expiresAtMs, reason }) {
      await pool.query(INSERT, [tenant, plan, by, approvedAtMs, digest, expiresAtMs, reason ?? null]);
    },
    withdraw: (tenant, plan, { by, digest, atMs, reason }) =>
      inTransaction(pool, async (client) => {
        await client.query(LOCK, [tenant, plan]);
        const [run] = (await client.query<{ id: string }>(RUN, [tenant, plan])).rows;
        if (run !== undefined) return { kind: 'started', run: run.id };
        const { rowCount } = await client.query(WITHDRAW, [tenant, plan, by, atMs, digest, reason ?? null]);
        return { kind: rowCount === 0 ? 'none' : 'done' };
      }),
    async of(tenant, plan) {
      const { rows } = await pool.query<ApprovalSqlRow>(SELECT, [tenant, plan]);
      const [withdrawal, breakGlass] = ['withdraw', 'break_glass'].map((kind) => rows.find((row) => row.kind === kind));
      const approvals = rows.filter(({ kind }) => kind === 'approve').sort((a, b) => b.approved_at.getTime() - a.approved_at.getTime());
      return {
        approvals: approvals.map(approvalOf),
        ...(withdrawal && { withdrawal: statementOf(withdrawal) }),
        ...(breakGlass && { breakGlass: statementOf(breakGlass) }),
      };
    },
  };
}

/** By what a run may start: the approval of a second person, or a statement that it starts without one. */
export interface Permit {
  readonly approval?: Approval;
  readonly breakGlass?: Statement & { readonly alarm: Condition };
}

/** In the transaction that stores the run, before it. @returns false if the approval that permits the run was withdrawn */
export async function isPermitted(client: pg.ClientBase, tenant: string, plan: string, { approval }: Permit): Promise<boolean> {
  await client.query(LOCK, [tenant, plan]);
  return approval === undefined || (await client.query(WITHDRAWN_SINCE, [tenant, plan, approval.approvedAtMs])).rowCount === 0;
}

/** In the transaction that stores the run: a run without an approval is on record and raises its alarm, or does not exist. */
export async function recordBreakGlass(client: pg.ClientBase, tenant: string, plan: string, { breakGlass }: Permit): Promise<void> {
  if (breakGlass === undefined) return;
  const { by, atMs, digest, reason, alarm } = breakGlass;
  await client.query(BREAK_GLASS, [tenant, plan, by, atMs, digest, reason]);
  await raise(client, atMs, tenant, [alarm]);
}

interface ApprovalSqlRow {
  readonly kind: string;
  readonly person: string;
  readonly digest: string;
  readonly approved_at: Date;
  readonly expires_at: Date | null;
  readonly reason: string | null;
}

function approvalOf({ digest, person, approved_at, expires_at, reason }: ApprovalSqlRow): Approval {
  const times = { approvedAtMs: approved_at.getTime(), expiresAtMs: expires_at?.getTime() ?? 0 };
  return { digest, by: person, ...times, ...(reason === null ? {} : { reason }) };
}

function statementOf({ digest, person, approved_at, reason }: ApprovalSqlRow): Statement {
  return { digest, by: person, atMs: approved_at.getTime(), ...(reason === null ? {} : { reason }) };
}
