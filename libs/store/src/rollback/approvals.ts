import type { Approval } from '@recant/policy';
import type pg from 'pg';

/** Most recent approvals read per plan. */
const APPROVALS_MAX = 100;

/** Approvals of plans. Insert-only; read-after-write. A compromise allows runs without a second person; the log then has no act of approval. */
export interface Approvals {
  put(tenant: string, plan: string, approval: Approval): Promise<void>;
  /** Newest first. */
  of(tenant: string, plan: string): Promise<readonly Approval[]>;
}

const INSERT = `INSERT INTO recant.approval (tenant_id, plan_id, person, approved_at, digest, expires_at)
  VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0), decode($5, 'hex'), to_timestamp($6::bigint / 1000.0)) ON CONFLICT DO NOTHING`;
const SELECT = `SELECT person, encode(digest, 'hex') AS digest, approved_at, expires_at FROM recant.approval
  WHERE tenant_id = $1 AND plan_id = $2 ORDER BY approved_at DESC LIMIT $3`;

export function createApprovals(pool: pg.Pool): Approvals {
  return {
    async put(tenant, plan, { by, digest, approvedAtMs, expiresAtMs }) {
      await pool.query(INSERT, [tenant, plan, by, approvedAtMs, digest, expiresAtMs]);
    },
    async of(tenant, plan) {
      const { rows } = await pool.query(SELECT, [tenant, plan, APPROVALS_MAX]);
      return rows.map((row) => ({
        digest: row.digest,
        by: row.person,
        approvedAtMs: row.approved_at.getTime(),
        expiresAtMs: row.expires_at.getTime(),
      }));
    },
  };
}
