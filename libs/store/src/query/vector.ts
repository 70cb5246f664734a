import type { Vector } from '@recant/planner';
import type pg from 'pg';

const SIZES = 'SELECT shard, size FROM recant.log WHERE tenant_id = $1';

/** Current size of each log of the tenant; entries below it never change. */
export async function readVector(db: Pick<pg.Pool | pg.ClientBase, 'query'>, tenant: string): Promise<Vector> {
  const { rows } = await db.query(SIZES, [tenant]);
  return Object.fromEntries(rows.map((row) => [row.shard, BigInt(row.size)]));
}
