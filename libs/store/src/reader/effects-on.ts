import type { EntryAddress, RecordedEffect, Vector } from '@recant/planner';
import type pg from 'pg';
import { vectorArray, within } from '../query/attempt-sql.ts';
import { compareEntries, decodeEntry, type EffectsEntry, ENTRIES_MAX, type EntryRow, sharedRefs } from './entries.ts';

/** Resources of one statement. */
const RESOURCES_MAX = 5_000;

const ADDRESSES = `SELECT DISTINCT shard, idx FROM recant.effect
  WHERE tenant_id = $1 AND resource = ANY ($2::text[]) AND access > 0 AND ${within('shard', 'idx', '$3')} LIMIT $4`;

const ENTRIES = `SELECT e.shard, e.idx, e.frame FROM unnest($2::int[], $3::bigint[]) AS k (shard, idx),
  LATERAL (SELECT shard, idx, frame FROM recant.entry WHERE tenant_id = $1 AND shard = k.shard AND idx = k.idx OFFSET 0) e`;

/**
 * The entries with effects on these resources, ascending, at most ENTRIES_MAX at once.
 * @param known effects whose entries are left out @returns undefined: more than `most`
 */
export async function findEffectsOn(
  pool: pg.Pool,
  { tenant, resources, vector, most, known }: EffectsQuestion,
): Promise<AsyncGenerator<readonly EffectsEntry[]> | undefined> {
  const sizes = vectorArray(vector);
  const addressOf = (shard: number, index: bigint | string): string => `${shard}/${index}`;
  const skipped = new Set(known.map(({ entry }) => addressOf(entry.shard, entry.index)));
  // An event that touches resources of two statements is found twice.
  const found = new Map<string, EntryAddress>();
  for (let at = 0; at < resources.length; at += RESOURCES_MAX) {
    const { rows } = await pool.query<Omit<EntryRow, 'frame'>>(ADDRESSES, [
      tenant,
      resources.slice(at, at + RESOURCES_MAX),
      sizes,
      most + 1,
    ]);
    if (rows.length > most) return undefined;
    for (const { shard, idx } of rows) {
      const address = addressOf(shard, idx);
      if (!skipped.has(address)) found.set(address, { shard, index: BigInt(idx) });
    }
    if (found.size > most) return undefined;
  }
  return pagesOf(pool, tenant, [...found.values()].sort(compareEntries));
}

interface EffectsQuestion {
  readonly tenant: string;
  readonly resources: readonly string[];
  readonly vector: Vector;
  readonly most: number;
  readonly known: readonly RecordedEffect[];
}

async function* pagesOf(pool: pg.Pool, tenant: string, addresses: readonly EntryAddress[]): AsyncGenerator<readonly EffectsEntry[]> {
  const share = sharedRefs();
  for (let at = 0; at < addresses.length; at += ENTRIES_MAX) {
    const some = addresses.slice(at, at + ENTRIES_MAX);
    const values = [tenant, some.map(({ shard }) => shard), some.map(({ index }) => String(index))];
    const { rows } = await pool.query<EntryRow>(ENTRIES, values);
    yield rows.map((row) => decodeEntry(row, share)).sort((a, b) => compareEntries(a.entry, b.entry));
  }
}
