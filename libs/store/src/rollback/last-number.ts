import type pg from 'pg';

const LAST = `SELECT coalesce(max(e.sequence), 0) AS last FROM recant.source s JOIN recant.entry e ON e.tenant_id = s.tenant_id AND e.source_no = s.source_no
  WHERE s.tenant_id = $1 AND s.source = $2`;

/** Highest number that the ledger has recorded of a source; 0: none. Reads every key of the source from the index. */
export async function lastNumberOf(pool: pg.Pool, tenant: string, source: string): Promise<number> {
  const { rows } = await pool.query(LAST, [tenant, source]);
  return Number(rows[0]?.last ?? 0);
}
