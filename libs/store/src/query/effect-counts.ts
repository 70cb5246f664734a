import type { AttemptRef } from '@recant/events';
import { refKey, type Vector } from '@recant/planner';
import type pg from 'pg';
import { vectorArray, within } from './attempt-sql.ts';

/** Recorded effects of an attempt that count. */
export interface EffectCounts {
  /** The agent's word, or that of Recant's own services. */
  readonly reported: number;
  /** Recorded by targets that capture by themselves. */
  readonly observed: number;
}

const NONE: EffectCounts = { reported: 0, observed: 0 };
const OWN = 'c.tenant_id = $1 AND c.action = k.action AND c.attempt = k.attempt AND c.source = k.source';

/**
 * The newest row of each shard below the vector has the sums: two index look-ups per attempt and shard that it has effects in, whatever their number.
 */
const COUNTS = `WITH RECURSIVE place AS (
    SELECT k.source, k.action, k.attempt, c.shard FROM unnest($2::text[], $3::uuid[], $4::int[]) AS k (source, action, attempt)
      CROSS JOIN LATERAL (SELECT c.shard FROM recant.effect_count c WHERE ${OWN} ORDER BY c.shard LIMIT 1) c
    UNION ALL
    SELECT k.source, k.action, k.attempt, c.shard FROM place k
      CROSS JOIN LATERAL (SELECT c.shard FROM recant.effect_count c WHERE ${OWN} AND c.shard > k.shard ORDER BY c.shard LIMIT 1) c
  )
  SELECT k.source, k.action, k.attempt, sum(c.reported_sum) AS reported, sum(c.observed_sum) AS observed FROM place k
    CROSS JOIN LATERAL (SELECT c.reported_sum, c.observed_sum FROM recant.effect_count c
      WHERE ${OWN} AND c.shard = k.shard AND ${within('k.shard', 'c.idx', '$5')} ORDER BY c.idx DESC LIMIT 1) c
  GROUP BY k.source, k.action, k.attempt`;

/** Answers for any attempt. */
export async function readEffectCounts(
  client: pg.ClientBase,
  tenant: string,
  refs: readonly AttemptRef[],
  vector: Vector,
): Promise<(ref: AttemptRef) => EffectCounts> {
  const lists = [refs.map(({ source }) => source), refs.map(({ action }) => action), refs.map(({ attempt }) => attempt)];
  const { rows } = await client.query(COUNTS, [tenant, ...lists, vectorArray(vector)]);
  const counts = new Map(
    rows.map((row) => [refKey(row as AttemptRef), { reported: Number(row.reported), observed: Number(row.observed) }]),
  );
  return (ref) => counts.get(refKey(ref)) ?? NONE;
}
