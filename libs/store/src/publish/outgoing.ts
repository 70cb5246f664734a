import type { LogKey, OutgoingCheckpoint, StoredCheckpoint } from '@recant/ledger';
import type pg from 'pg';
import { toCheckpoint } from './checkpoints.ts';

/** The newest checkpoint of each log, unless recorded as sent to that anchor or witness: two index probes per log. */
const outgoing = (table: string, column: string): string => `SELECT l.tenant_id, l.shard, c.* FROM recant.log l,
  LATERAL (SELECT epoch, size, root, (extract(epoch FROM signed_at) * 1000)::float8 AS signed_ms, note FROM recant.checkpoint
    WHERE tenant_id = l.tenant_id AND shard = l.shard AND epoch = l.epoch ORDER BY size DESC LIMIT 1) c
  WHERE NOT EXISTS (SELECT 1 FROM recant.${table} a WHERE a.tenant_id = l.tenant_id AND a.shard = l.shard AND a.epoch = c.epoch
    AND a.size = c.size AND a.${column} = $1) ORDER BY 1, 2`;
const UNANCHORED = outgoing('anchored', 'anchor');
const UNCOSIGNED = outgoing('cosignature', 'witness');

const MARK_ANCHORED = `INSERT INTO recant.anchored (tenant_id, shard, epoch, size, anchor, anchored_at)
  VALUES ($1, $2, $3, $4, $5, to_timestamp($6 / 1000.0)) ON CONFLICT DO NOTHING`;
const MARK_COSIGNED = `INSERT INTO recant.cosignature (tenant_id, shard, epoch, size, witness, line, signed_at)
  SELECT $1, $2, $3, $4, $5, line, to_timestamp($7 / 1000.0) FROM unnest($6::text[]) AS k (line) ON CONFLICT DO NOTHING`;
const COSIGNATURES = `SELECT line FROM recant.cosignature WHERE tenant_id = $1 AND shard = $2 AND epoch = $3 AND size = $4 ORDER BY witness, line`;

export const listUnanchored = (pool: pg.Pool, anchor: string): Promise<OutgoingCheckpoint[]> => list(pool, UNANCHORED, anchor);
export const listUncosigned = (pool: pg.Pool, witness: string): Promise<OutgoingCheckpoint[]> => list(pool, UNCOSIGNED, witness);

async function list(pool: pg.Pool, text: string, place: string): Promise<OutgoingCheckpoint[]> {
  const { rows } = await pool.query(text, [place]);
  return rows.map((row) => ({ log: { tenant: row.tenant_id, shard: row.shard }, checkpoint: toCheckpoint(row) }));
}

export async function markAnchored(
  pool: pg.Pool,
  { tenant, shard }: LogKey,
  { epoch, size }: StoredCheckpoint,
  anchor: string,
  atMs: number,
): Promise<void> {
  await pool.query(MARK_ANCHORED, [tenant, shard, epoch, size, anchor, atMs]);
}

export async function markCosigned(
  pool: pg.Pool,
  { tenant, shard }: LogKey,
  { epoch, size }: StoredCheckpoint,
  witness: string,
  lines: readonly string[],
  atMs: number,
): Promise<void> {
  await pool.query(MARK_COSIGNED, [tenant, shard, epoch, size, witness, lines, atMs]);
}

/** Cosignature lines of one checkpoint. */
export async function readCosignatures(
  client: Pick<pg.ClientBase, 'query'>,
  { tenant, shard }: LogKey,
  epoch: number,
  size: bigint,
): Promise<readonly string[]> {
  const { rows } = await client.query(COSIGNATURES, [tenant, shard, epoch, size]);
  return rows.map(({ line }) => line);
}
