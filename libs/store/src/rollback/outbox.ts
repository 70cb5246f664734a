import { BATCH_BYTES_MAX } from '@recant/events';
import type { Outbox, OutboxItem } from '@recant/runner';
import type pg from 'pg';

/** All bytes are one parameter, which the driver sends as they are: an array of them would be sent as hexadecimal text. */
const INSERT = `INSERT INTO recant.outbox (tenant_id, source, sequence, bytes)
  SELECT $1, $2, u.sequence, substring($4::bytea FROM u.start FOR u.length) FROM unnest($3::bigint[], $5::int[], $6::int[]) AS u (sequence, start, length)`;
/** Bytes of one statement, which has at least one event. */
const CHUNK_BYTES_MAX = 16_777_216;

/** Inserts events in the transaction of the change that they report. */
export async function putEvents(client: pg.PoolClient, tenant: string, source: string, events: readonly OutboxItem[]): Promise<void> {
  for (let from = 0; from < events.length; ) {
    const starts: number[] = [];
    let [to, bytes] = [from, 0];
    for (; to < events.length; to += 1) {
      const { length } = (events[to] as OutboxItem).bytes;
      if (to > from && bytes + length > CHUNK_BYTES_MAX) break;
      starts.push(bytes + 1);
      bytes += length;
    }
    const chunk = events.slice(from, to);
    const sequences = chunk.map(({ sequence }) => sequence);
    const all = Buffer.concat(chunk.map((event) => event.bytes));
    await client.query(INSERT, [tenant, source, sequences, all, starts, chunk.map((event) => event.bytes.length)]);
    from = to;
  }
}

/** The worker of a run sends its events itself, as long as it has the lease: others would send each of them again. */
const SOURCES = `SELECT o.tenant_id, o.source FROM recant.outbox o WHERE ($2::text IS NULL OR o.tenant_id = $2)
    AND NOT EXISTS (SELECT FROM recant.run r WHERE r.tenant_id = o.tenant_id AND r.source = o.source
      AND r.state NOT IN ('finished', 'cancelled') AND r.lease_until > now())
  GROUP BY 1, 2 ORDER BY min(o.created_at) LIMIT $1`;

/** As many as one request to the ledger may have. octet_length reads no value that is stored apart. */
const UNSENT = `SELECT sequence, bytes FROM (
    SELECT sequence, bytes, sum(octet_length(bytes)) OVER (ORDER BY sequence) - octet_length(bytes) AS bytes_before FROM (
      SELECT sequence, bytes FROM recant.outbox WHERE tenant_id = $1 AND source = $2 ORDER BY sequence LIMIT $3) AS candidate) AS page
  WHERE bytes_before < ${BATCH_BYTES_MAX} ORDER BY sequence`;

/** Events to be sent; deleted once the ledger acknowledged them. @param tenantOf tenant whose events are sent; undefined for all tenants */
export function createOutbox(pool: pg.Pool, tenantOf: () => Promise<string | undefined> = async () => undefined): Outbox {
  return {
    async sources(limit) {
      const { rows } = await pool.query(SOURCES, [limit, (await tenantOf()) ?? null]);
      return rows.map((row) => ({ tenant: row.tenant_id, source: row.source }));
    },
    async unsent(tenant, source, limit) {
      const { rows } = await pool.query(UNSENT, [tenant, source, limit]);
      return rows.map((row) => ({ sequence: Number(row.sequence), bytes: row.bytes as Uint8Array }));
    },
    async acknowledged(tenant, source, through) {
      await pool.query('DELETE FROM recant.outbox WHERE tenant_id = $1 AND source = $2 AND sequence <= $3', [tenant, source, through]);
    },
  };
}
