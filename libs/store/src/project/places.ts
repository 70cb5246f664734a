import type pg from 'pg';
import { inTurn } from '../access/as-reader.ts';

/** How far one log goes, and its read models. */
export interface LogPlace {
  readonly shard: number;
  readonly size: bigint;
  readonly projected: bigint;
}

const PLACES = `SELECT l.shard, l.size, coalesce(p.size, 0) AS projected FROM recant.log l
  LEFT JOIN recant.projected p ON p.tenant_id = $1 AND p.shard = l.shard WHERE l.tenant_id = $1`;

/** Entries below a size never change. */
export async function readPlaces(pool: pg.Pool, tenant: string): Promise<readonly LogPlace[]> {
  const { rows } = await inTurn(pool, tenant, () => pool.query({ name: 'recant-places', text: PLACES, values: [tenant] }));
  return rows.map(({ shard, size, projected }) => ({ shard, size: BigInt(size), projected: BigInt(projected) }));
}
