import type { AttemptRef, EventOf, RecantEvent } from '@recant/events';
import { decodeFrame, refOfEvent } from '@recant/ledger';
import type { EntryAddress } from '@recant/planner';
import type pg from 'pg';

/** Keys per statement. */
const KEYS_MAX = 5_000;
/** Entries of one answer: at most 65 MB, usually 2. */
export const ENTRIES_MAX = 1_000;

type EffectsEvent = EventOf<'recant.attempt.effects.v1'> | EventOf<'recant.attempt.observed.v1'>;
export interface EffectsEntry {
  readonly entry: EntryAddress;
  readonly event: EffectsEvent;
  /** Of the event. Entries of one attempt share one object where they are read together. */
  readonly attempt: AttemptRef;
}

/** One row of a statement that reads entries; `idx` is a bigint as text. */
export interface EntryRow {
  readonly shard: number;
  readonly idx: string;
  readonly frame: Buffer;
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
      const event = eventIn(frame);
      if (event.type === 'recant.attempt.intended.v1') found.set(n, event);
    }
  }
  return found;
}

export function compareEntries(a: EntryAddress, b: EntryAddress): number {
  return a.shard - b.shard || (a.index < b.index ? -1 : a.index > b.index ? 1 : 0);
}

/** An entry with effects. @param share the object that stands for an attempt */
export function decodeEntry({ shard, idx, frame }: EntryRow, share: (ref: AttemptRef) => AttemptRef): EffectsEntry {
  const event = eventIn(frame) as EffectsEvent;
  return { entry: { shard, index: BigInt(idx) }, event, attempt: share(refOfEvent(event)) };
}

/** The event as recorded; not validated again. */
function eventIn(bytes: Uint8Array): RecantEvent {
  const frame = decodeFrame(bytes);
  if (frame?.kind !== 'event') throw new TypeError('expected an event entry');
  return JSON.parse((frame.body as Buffer).toString()) as RecantEvent;
}

/** One object for each attempt, of those that it is called with. */
export function sharedRefs(known: readonly AttemptRef[] = []): (ref: AttemptRef) => AttemptRef {
  const refs = new Map(known.map((ref) => [keyOf(ref), ref]));
  return (ref) => {
    const key = keyOf(ref);
    const first = refs.get(key);
    if (first === undefined) refs.set(key, ref);
    return first ?? ref;
  };
}

/** Identity of an attempt, as a map key. */
export const keyOf = ({ source, action, attempt }: AttemptRef): string => `${action}.${attempt} ${source}`;
