import type { EventOf, RecantEvent } from '@recant/events';
import { decodeFrame } from '@recant/ledger';
import type { EntryAddress } from '@recant/planner';
import type pg from 'pg';

/** Keys per statement. */
const KEYS_MAX = 5_000;
/** Entries of one answer: at most 65 MB, usually 2. */
export const ENTRIES_MAX = 1_000;

type EffectsEvent = EventOf<'recant.attempt.effects.v1'> | EventOf<'recant.attempt.observed.v1'>;
export interface EffectsEntry {
  readonly entry: EntryAddress;
  readonly keyId: string;
  readonly event: EffectsEvent;
}

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

export function compareEntries(a: EntryAddress, b: EntryAddress): number {
  return a.shard - b.shard || (a.index < b.index ? -1 : a.index > b.index ? 1 : 0);
}

/** The event as recorded; not validated again. */
export function decodeEntry(bytes: Uint8Array): Pick<EffectsEntry, 'keyId' | 'event'> {
  const frame = decodeFrame(bytes);
  if (frame?.kind !== 'event') throw new TypeError('expected an event entry');
  return { keyId: frame.keyId, event: JSON.parse((frame.body as Buffer).toString()) as EffectsEvent };
}
