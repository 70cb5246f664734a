import type { Outbox, OutboxItem } from '@recant/runner';
import type pg from 'pg';

const INSERT = `INSERT INTO recant.outbox (tenant_id, source, sequence, bytes)
  SELECT $1, $2, u.sequence, u.bytes FROM unnest($3::bigint[], $4::bytea[]) AS u (sequence, bytes)`;

/** Inserts events in the transaction of the change that they report. */
export async function putEvents(client: pg.PoolClient, tenant: string, source: string, events: readonly OutboxItem[]): Promise<void> {
  if (events.length === 0) return;
  await client.query(INSERT, [tenant, source, events.map(({ sequence }) => sequence), events.map(({ bytes }) => Buffer.from(bytes))]);
}

/** Events to be sent; deleted once the ledger acknowledged them. @param tenantOf tenant whose events are sent; undefined for all tenants */
export function createOutbox(pool: pg.Pool, tenantOf: () => Promise<string | undefined> = async () => undefined): Outbox {
  return {
    async sources(limit) {
      const text = `SELECT tenant_id, source FROM recant.outbox WHERE $2::text IS NULL OR tenant_id = $2 GROUP BY 1, 2 ORDER BY min(created_at) LIMIT $1`;
      const { rows } = await pool.query(text, [limit, (await tenantOf()) ?? null]);
      return rows.map((row) => ({ tenant: row.tenant_id, source: row.source }));
    },
    async unsent(tenant, source, limit) {
      const text = 'SELECT sequence, bytes FROM recant.outbox WHERE tenant_id = $1 AND source = $2 ORDER BY sequence LIMIT $3';
      const { rows } = await pool.query(text, [tenant, source, limit]);
      return rows.map((row) => ({ sequence: Number(row.sequence), bytes: row.bytes as Uint8Array }));
    },
    async acknowledged(tenant, source, through) {
      await pool.query('DELETE FROM recant.outbox WHERE tenant_id = $1 AND source = $2 AND sequence <= $3', [tenant, source, through]);
    },
  };
}
