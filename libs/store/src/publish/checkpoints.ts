import type { LogKey, StoredCheckpoint } from '@recant/ledger';
import type pg from 'pg';

const COLUMNS = 'epoch, size, root, (extract(epoch FROM signed_at) * 1000)::float8 AS signed_ms, note';
const LAST = `SELECT ${COLUMNS} FROM recant.checkpoint WHERE tenant_id = $1 AND shard = $2 AND epoch = $3 ORDER BY size DESC LIMIT 1`;
const PUT = `INSERT INTO recant.checkpoint (tenant_id, shard, epoch, size, root, signed_at, note) VALUES ($1, $2, $3, $4, $5, to_timestamp($6 / 1000.0), $7)`;

export async function readLastCheckpoint(
  client: Pick<pg.ClientBase, 'query'>,
  { tenant, shard }: LogKey,
  epoch: number,
): Promise<StoredCheckpoint | undefined> {
  const { rows } = await client.query({ name: 'recant-last-checkpoint', text: LAST, values: [tenant, shard, epoch] });
  return rows[0] === undefined ? undefined : toCheckpoint(rows[0]);
}

/** Of two replicas that sign the same size, one violates the primary key and can ignore the error. */
export async function insertCheckpoint(client: pg.ClientBase, { tenant, shard }: LogKey, checkpoint: StoredCheckpoint): Promise<void> {
  const { epoch, size, root, signedAtMs, note } = checkpoint;
  await client.query({ name: 'recant-put-checkpoint', text: PUT, values: [tenant, shard, epoch, size, root, signedAtMs, note] });
}

export function toCheckpoint(row: Record<string, unknown>): StoredCheckpoint {
  return {
    epoch: row.epoch as number,
    size: BigInt(row.size as string),
    root: row.root as Buffer,
    signedAtMs: row.signed_ms as number,
    note: row.note as Buffer,
  };
}
