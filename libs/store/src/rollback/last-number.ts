import type pg from 'pg';

const LAST = `SELECT coalesce(max(e.sequence), 0) AS last FROM recant.source s JOIN recant.entry e ON e.tenant_id = s.tenant_id AND e.source_no = s.source_no
  WHERE s.tenant_id = $1 AND s.source = $2`;

/** Highest number that the ledger has recorded of a source; 0: none. Reads every key of the source from the index. */
export async function lastNumberOf(pool: pg.Pool, tenant: string, source: string): Promise<number> {
  const { rows } = await pool.query(LAST, [tenant, source]);
  return Number(rows[0]?.last ?? 0);
}

const NEWEST = `SELECT source, (SELECT coalesce(max(e.sequence), 0) FROM recant.entry e WHERE e.tenant_id = s.tenant_id AND e.source_no = s.source_no) AS last
  FROM recant.source s WHERE tenant_id = $1 AND source ^@ $2 ORDER BY source_no DESC LIMIT 1`;

export interface LastEvent {
  readonly source: string;
  readonly number: number;
}

/** Of the newest source whose name begins with `prefix`; undefined: there is none. */
export async function lastEventUnder(pool: pg.Pool, tenant: string, prefix: string): Promise<LastEvent | undefined> {
  const { rows } = await pool.query(NEWEST, [tenant, prefix]);
  return rows[0] && { source: rows[0].source, number: Number(rows[0].last) };
}
