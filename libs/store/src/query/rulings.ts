import type { AttemptRef } from '@recant/events';
import type { Ruling } from '@recant/ledger';
import { refKey } from '@recant/planner';
import type pg from 'pg';
import { inTransaction } from '../in-transaction.ts';

/** What people found out about attempts. Insert-only; read-after-write. A compromise allows false outcomes, of which the log then has no act. */
export interface Rulings {
  put(tenant: string, ref: AttemptRef, ruling: Ruling): Promise<void>;
}

/** Two words at once are one after the other. */
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ruling ' || $2, 0))`;
/** Never before an earlier one, whatever the clocks of two processes say: the latest counts. */
const INSERT = `INSERT INTO recant.ruling (tenant_id, action, attempt, source, ruled_at, outcome, reason, ruled_by)
  SELECT $1, $2::uuid, $3, $4, greatest(to_timestamp($5::bigint / 1000.0),
    (SELECT max(ruled_at) + interval '1 millisecond' FROM recant.ruling WHERE tenant_id = $1 AND action = $2::uuid AND attempt = $3 AND source = $4)), $6, $7, $8`;
const LATEST = `SELECT DISTINCT ON (attempt, source) attempt, source, outcome, reason, ruled_by, ruled_at FROM recant.ruling
  WHERE tenant_id = $1 AND action = $2::uuid ORDER BY attempt, source, ruled_at DESC`;

export function createRulings(pool: pg.Pool): Rulings {
  return {
    async put(tenant, { source, action, attempt }, { outcome, reason, by, atMs }) {
      await inTransaction(pool, async (client) => {
        await client.query(LOCK, [tenant, action]);
        await client.query(INSERT, [tenant, action, attempt, source, atMs, outcome, reason, by]);
      });
    },
  };
}

/** The latest ruling of each attempt of an action. */
export async function readRulings(client: pg.ClientBase, tenant: string, action: string): Promise<(ref: AttemptRef) => Ruling | undefined> {
  const { rows } = await client.query<RulingSqlRow>(LATEST, [tenant, action]);
  const found = new Map(rows.map((row) => [refKey({ source: row.source, action, attempt: row.attempt }), rulingOf(row)]));
  return (ref) => found.get(refKey(ref));
}

interface RulingSqlRow {
  readonly attempt: number;
  readonly source: string;
  readonly outcome: Ruling['outcome'];
  readonly reason: string;
  readonly ruled_by: string;
  readonly ruled_at: Date;
}

const rulingOf = ({ outcome, reason, ruled_by, ruled_at }: RulingSqlRow): Ruling => ({
  outcome,
  reason,
  by: ruled_by,
  atMs: ruled_at.getTime(),
});
