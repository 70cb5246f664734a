import type { AttemptRef } from '@recant/events';
import type { Vector } from '@recant/planner';
import type pg from 'pg';
import { vectorArray, within } from '../query/attempt-sql.ts';
import { decodeEntry, type EffectsEntry, ENTRIES_MAX, type EntryRow, sharedRefs } from './entries.ts';

/** Attempts of one statement. Fewer while their entries do not fit into one answer; the first statement expects one entry of each. */
const ATTEMPTS_MAX = 5_000;

/** One range of the dedupe key per attempt: `.effects.` up to the character after the dot. 12 µs per attempt with one chunk (2026-11). */
const EFFECTS_OF = `SELECT e.shard, e.idx, e.frame
  FROM unnest($2::text[], $3::text[]) AS k (source, prefix)
  JOIN recant.source src ON src.tenant_id = $1 AND src.source = k.source,
  LATERAL (SELECT shard, idx, frame FROM recant.entry WHERE tenant_id = $1 AND source_no = src.source_no
    AND event_id >= k.prefix || '.' AND event_id < k.prefix || '/' OFFSET 0) e
  WHERE ${within('e.shard', 'e.idx', '$4')} LIMIT ${ENTRIES_MAX + 1}`;

/** By the primary key of recant.observed, whatever the source of the event. */
const OBSERVED_OF = `SELECT e.shard, e.idx, e.frame
  FROM unnest($2::text[], $3::uuid[], $4::int[]) AS k (source, action, attempt)
  JOIN recant.observed o ON o.tenant_id = $1 AND o.action = k.action AND o.attempt = k.attempt AND o.source = k.source
    AND ${within('o.shard', 'o.idx', '$5')},
  LATERAL (SELECT shard, idx, frame FROM recant.entry WHERE tenant_id = $1 AND shard = o.shard AND idx = o.idx OFFSET 0) e
  LIMIT ${ENTRIES_MAX + 1}`;

/** Chunks $4 to $5 of one attempt, by their ids. */
const CHUNKS_OF = `SELECT e.shard, e.idx, e.frame
  FROM recant.source src, generate_series($4::int, $5::int) AS n,
  LATERAL (SELECT shard, idx, frame FROM recant.entry WHERE tenant_id = $1 AND source_no = src.source_no
    AND event_id = $3 || '.' || n OFFSET 0) e
  WHERE src.tenant_id = $1 AND src.source = $2 AND ${within('e.shard', 'e.idx', '$6')}`;

/** The highest number of a chunk of one attempt: from the ids alone. */
const LAST_CHUNK = `SELECT max(CASE WHEN substr(event_id, length($3) + 2) ~ '^[0-9]{1,6}$' THEN substr(event_id, length($3) + 2)::int END) AS last
  FROM recant.source src JOIN recant.entry e ON e.tenant_id = $1 AND e.source_no = src.source_no
    AND e.event_id >= $3 || '.' AND e.event_id < $3 || '/'
  WHERE src.tenant_id = $1 AND src.source = $2`;

const OBSERVED_AFTER = `SELECT o.shard, o.idx, e.frame FROM recant.observed o,
  LATERAL (SELECT frame FROM recant.entry WHERE tenant_id = $1 AND shard = o.shard AND idx = o.idx OFFSET 0) e
  WHERE o.tenant_id = $1 AND o.action = $3 AND o.attempt = $4 AND o.source = $2 AND (o.shard, o.idx) > ($5::smallint, $6::bigint)
    AND ${within('o.shard', 'o.idx', '$7')}
  ORDER BY o.shard, o.idx LIMIT ${ENTRIES_MAX}`;

export interface EffectsPage {
  readonly refs: readonly AttemptRef[];
  /** What targets recorded comes first, then what the attempt's own source recorded, by number of its chunk. */
  readonly entries: readonly EffectsEntry[];
  /** Absent: more of the same single attempt follows. */
  readonly isLast?: true;
}

/**
 * The entries with effects of these attempts: at most ENTRIES_MAX of each kind in memory at once. A page has all entries of its attempts; only an attempt
 * with more has several pages of its own.
 */
export async function* readEffectPages(
  pool: pg.Pool,
  tenant: string,
  refs: readonly AttemptRef[],
  vector: Vector,
): AsyncGenerator<EffectsPage> {
  const reader = readerOf(pool, tenant, vector);
  let size = ENTRIES_MAX;
  for (let at = 0; at < refs.length; ) {
    const some = refs.slice(at, at + size);
    const entries = await reader.all(some);
    if (entries !== undefined) {
      yield { refs: some, entries, isLast: true };
      at += some.length;
      if (entries.length < ENTRIES_MAX / 2) size = Math.min(ATTEMPTS_MAX, size * 2);
    } else if (some.length > 1) {
      size = Math.ceil(some.length / 2);
    } else {
      yield* reader.one(some[0] as AttemptRef);
      at += 1;
    }
  }
}

function readerOf(pool: pg.Pool, tenant: string, vector: Vector) {
  const sizes = vectorArray(vector);
  const prefixOf = ({ action, attempt }: AttemptRef): string => `${action}.${attempt}.effects`;
  const ask = async (text: string, values: unknown[]): Promise<EntryRow[]> => (await pool.query<EntryRow>(text, [tenant, ...values])).rows;
  return {
    /** undefined: too many for one answer. */
    async all(refs: readonly AttemptRef[]): Promise<EffectsEntry[] | undefined> {
      const sources = refs.map(({ source }) => source);
      const [own, observed] = await Promise.all([
        ask(EFFECTS_OF, [sources, refs.map(prefixOf), sizes]),
        ask(OBSERVED_OF, [sources, refs.map(({ action }) => action), refs.map(({ attempt }) => attempt), sizes]),
      ]);
      if (own.length > ENTRIES_MAX || observed.length > ENTRIES_MAX) return undefined;
      const decode = decoder(refs);
      return [...observed.map(decode), ...byChunk(own.map(decode))];
    },
    async *one(ref: AttemptRef): AsyncGenerator<EffectsPage> {
      const refs = [ref];
      const decode = decoder(refs);
      let after: EffectsEntry['entry'] = { shard: -1, index: -1n };
      for (;;) {
        const rows = await ask(OBSERVED_AFTER, [ref.source, ref.action, ref.attempt, after.shard, String(after.index), sizes]);
        const entries = rows.map(decode);
        yield { refs, entries };
        if (entries.length < ENTRIES_MAX) break;
        after = (entries.at(-1) as EffectsEntry).entry;
      }
      const { rows } = await pool.query(LAST_CHUNK, [tenant, ref.source, prefixOf(ref)]);
      const last: number = rows[0]?.last ?? -1;
      for (let from = 0; from <= last; from += ENTRIES_MAX)
        yield {
          refs,
          entries: byChunk((await ask(CHUNKS_OF, [ref.source, prefixOf(ref), from, from + ENTRIES_MAX - 1, sizes])).map(decode)),
        };
      yield { refs, entries: [], isLast: true };
    },
  };
}

function decoder(refs: readonly AttemptRef[]): (row: EntryRow) => EffectsEntry {
  const share = sharedRefs(refs);
  return (row) => decodeEntry(row, share);
}

const byChunk = (entries: EffectsEntry[]): EffectsEntry[] => entries.sort((a, b) => a.event.data.chunk - b.event.data.chunk);
