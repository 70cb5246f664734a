import type { AttemptRef, EventOf, RecantEvent } from '@recant/events';
import { decodeFrame } from '@recant/ledger';
import type { EntryAddress, Vector } from '@recant/planner';
import type pg from 'pg';
import { vectorArray, within } from '../query/attempt-sql.ts';

/** Keys per statement. */
const KEYS_MAX = 5_000;

type EffectsEvent = EventOf<'recant.attempt.effects.v1'> | EventOf<'recant.attempt.observed.v1'>;
export interface EffectsEntry {
  readonly entry: EntryAddress;
  readonly keyId: string;
  readonly event: EffectsEvent;
}

/** One range of the dedupe key per attempt: `.effects.` up to the character after the dot. 12 µs per attempt with one chunk (2026-11). */
const EFFECTS_OF = `SELECT e.shard, e.idx, e.frame
  FROM unnest($2::text[], $3::text[]) AS k (source, prefix)
  JOIN recant.source src ON src.tenant_id = $1 AND src.source = k.source,
  LATERAL (SELECT shard, idx, frame FROM recant.entry WHERE tenant_id = $1 AND source_no = src.source_no
    AND event_id >= k.prefix || '.' AND event_id < k.prefix || '/' OFFSET 0) e
  WHERE ${within('e.shard', 'e.idx', '$4')}`;

/** By the primary key of recant.observed, whatever the source of the event. */
const OBSERVED_OF = `SELECT e.shard, e.idx, e.frame
  FROM unnest($2::text[], $3::uuid[], $4::int[]) AS k (source, action, attempt)
  JOIN recant.observed o ON o.tenant_id = $1 AND o.action = k.action AND o.attempt = k.attempt AND o.source = k.source
    AND ${within('o.shard', 'o.idx', '$5')},
  LATERAL (SELECT shard, idx, frame FROM recant.entry WHERE tenant_id = $1 AND shard = o.shard AND idx = o.idx OFFSET 0) e`;

const EFFECTS_ON = `SELECT e.shard, e.idx, e.frame
  FROM (SELECT DISTINCT shard, idx FROM recant.effect
    WHERE tenant_id = $1 AND resource = ANY ($2::text[]) AND access > 0 AND ${within('shard', 'idx', '$3')}) k,
  LATERAL (SELECT shard, idx, frame FROM recant.entry WHERE tenant_id = $1 AND shard = k.shard AND idx = k.idx OFFSET 0) e`;

const INTENTS = `SELECT k.n, e.frame FROM unnest($2::int[], $3::bigint[], $4::int[]) AS k (shard, idx, n),
  LATERAL (SELECT frame FROM recant.entry WHERE tenant_id = $1 AND shard = k.shard AND idx = k.idx OFFSET 0) e`;

/** The intents at these addresses, by the address's place in the list; other events are left out. */
export async function readIntents(
  pool: pg.Pool,
  tenant: string,
  entries: readonly EntryAddress[],
): Promise<ReadonlyMap<number, EventOf<'recant.attempt.intended.v1'>>> {
  const found = new Map<number, EventOf<'recant.attempt.intended.v1'>>();
  for (let at = 0; at < entries.length; at += KEYS_MAX) {
    const some = entries.slice(at, at + KEYS_MAX);
    const values = [tenant, some.map(({ shard }) => shard), some.map(({ index }) => String(index)), some.map((_, n) => at + n)];
    for (const { n, frame } of (await pool.query(INTENTS, values)).rows) {
      const { event } = decodeEntry(frame) as { event: RecantEvent };
      if (event.type === 'recant.attempt.intended.v1') found.set(n, event);
    }
  }
  return found;
}

export async function readEffectsOf(pool: pg.Pool, tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<EffectsEntry[]> {
  const sizes = vectorArray(vector);
  const own = await readBatches(pool, refs, (some) => [
    EFFECTS_OF,
    [tenant, some.map(({ source }) => source), some.map(({ action, attempt }) => `${action}.${attempt}.effects`), sizes],
  ]);
  const observed = await readBatches(pool, refs, (some) => [
    OBSERVED_OF,
    [tenant, some.map(({ source }) => source), some.map(({ action }) => action), some.map(({ attempt }) => attempt), sizes],
  ]);
  return observed.length === 0 ? own : [...own, ...observed].sort((a, b) => compareEntries(a.entry, b.entry));
}

export async function readEffectsOn(pool: pg.Pool, tenant: string, resources: readonly string[], vector: Vector): Promise<EffectsEntry[]> {
  const sizes = vectorArray(vector);
  const found = await readBatches(pool, resources, (some) => [EFFECTS_ON, [tenant, some, sizes]]);
  // Removes duplicates: an event that touches resources of two batches is found twice.
  return found.filter(({ entry }, n) => n === 0 || compareEntries(entry, (found[n - 1] as EffectsEntry).entry) !== 0);
}

/** Ascending by (shard, index) across batches. */
async function readBatches<T>(
  pool: pg.Pool,
  keys: readonly T[],
  toQuery: (some: readonly T[]) => [string, unknown[]],
): Promise<EffectsEntry[]> {
  const found: EffectsEntry[] = [];
  for (let at = 0; at < keys.length; at += KEYS_MAX) {
    const [text, values] = toQuery(keys.slice(at, at + KEYS_MAX));
    const { rows } = await pool.query(text, values);
    for (const row of rows) found.push({ entry: { shard: row.shard, index: BigInt(row.idx) }, ...decodeEntry(row.frame) });
  }
  return found.sort((a, b) => compareEntries(a.entry, b.entry));
}

function compareEntries(a: EntryAddress, b: EntryAddress): number {
  return a.shard - b.shard || (a.index < b.index ? -1 : a.index > b.index ? 1 : 0);
}

/** The event as recorded; not validated again. */
function decodeEntry(bytes: Uint8Array): Pick<EffectsEntry, 'keyId' | 'event'> {
  const frame = decodeFrame(bytes);
  if (frame?.kind !== 'event') throw new TypeError('expected an event entry');
  return { keyId: frame.keyId, event: JSON.parse((frame.body as Buffer).toString()) as EffectsEvent };
}
