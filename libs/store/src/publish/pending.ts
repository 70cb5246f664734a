import type { LogKey } from '@recant/ledger';
import type pg from 'pg';

/** One index probe per log, 8 µs each (2026-11). Includes logs that shrank or have another root. */
export const UNPUBLISHED = `SELECT l.tenant_id, l.shard FROM recant.log l
  LEFT JOIN LATERAL (SELECT size, root FROM recant.checkpoint WHERE tenant_id = l.tenant_id AND shard = l.shard AND epoch = l.epoch
    ORDER BY size DESC LIMIT 1) c ON true
  WHERE l.size > 0 AND (c.size IS DISTINCT FROM l.size OR c.root <> l.root) ORDER BY 1, 2`;

/** The last tile of level 0 determines the number of integrated leaves; only its length is read. */
export const UNINTEGRATED = `SELECT l.tenant_id, l.shard FROM recant.log l
  LEFT JOIN LATERAL (SELECT n * 256 + octet_length(hashes) / 32 AS leaves FROM recant.tile
    WHERE tenant_id = l.tenant_id AND shard = l.shard AND epoch = l.epoch AND level = 0 ORDER BY n DESC LIMIT 1) t ON true
  WHERE l.size > 0 AND t.leaves IS DISTINCT FROM l.size ORDER BY 1, 2`;

export async function listLogKeys(pool: pg.Pool, text: string): Promise<readonly LogKey[]> {
  const { rows } = await pool.query(text);
  return rows.map(({ tenant_id, shard }) => ({ tenant: tenant_id, shard }));
}
