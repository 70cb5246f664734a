import type pg from 'pg';
import { type DeadItem, type EventItem, equivocationItem, type Item, otherAgentItem } from './item.ts';
import { findKnown, findKnownLetters, type KnownEntry } from './known-keys.ts';
import type { KnownSource, SourceNumbers } from './sources.ts';

/** The decision on one item, made under the log's lock after the look-up of known keys. */
export type Resolved =
  | { readonly kind: 'event'; readonly item: EventItem; readonly sourceNo: number }
  | { readonly kind: 'dead'; readonly item: DeadItem }
  | { readonly kind: 'duplicate'; readonly shard: number; readonly index: bigint }
  /** The same bytes as an earlier item of this batch, at place `of`. */
  | { readonly kind: 'repeats'; readonly of: number }
  /** Stored as a dead letter before, at this entry. */
  | { readonly kind: 'known_letter'; readonly item: DeadItem; readonly shard: number; readonly index: bigint }
  | { readonly kind: 'held' }
  | { readonly kind: 'refused'; readonly item: Extract<Item, { kind: 'refused' }> };

interface Resolution {
  readonly resolved: readonly Resolved[];
  /** To be cached after COMMIT. */
  readonly sourceNumbers: ReadonlyMap<string, ReadonlyMap<string, KnownSource>>;
  /** Tenants of which an event was in the log already. */
  readonly repeats: ReadonlySet<string>;
}

const NOTHING_KNOWN: ReadonlyMap<number, KnownEntry> = new Map();

/** @param lookUp false treats every key outside the batch as new; a known one then violates the unique key at COPY */
export async function resolve(
  client: pg.ClientBase,
  items: readonly Item[],
  sources: SourceNumbers,
  lookUp: (tenant: string) => boolean,
): Promise<Resolution> {
  const resolved: Resolved[] = items.map((item) => {
    if (item.kind === 'held') return { kind: 'held' };
    return item.kind === 'refused' ? { kind: 'refused', item } : { kind: 'dead', item: item as DeadItem };
  });
  const sourceNumbers = new Map<string, ReadonlyMap<string, KnownSource>>();
  const repeats = new Set<string>();
  for (const [tenant, all] of placesByTenant(items, 'event')) {
    const numbers = await sources.resolve(client, tenant, firstOfSources(all.map((place) => items[place] as EventItem)));
    sourceNumbers.set(tenant, numbers);
    const places = all.filter((place) => {
      const item = items[place] as EventItem;
      const owner = (numbers.get(item.event.source) as KnownSource).agent;
      if (owner === item.event.agent) return true;
      resolved[place] = { kind: 'dead', item: otherAgentItem(item, owner) };
      return false;
    });
    const events = places.map((place) => items[place] as EventItem);
    const keys = events.map(({ event }) => ({ sourceNo: (numbers.get(event.source) as KnownSource).sourceNo, eventId: event.id }));
    const known = lookUp(tenant) ? await findKnown(client, tenant, keys) : NOTHING_KNOWN;
    if (known.size > 0) repeats.add(tenant);
    judgeEvents(places, events, keys, known, resolved);
  }
  await resolveLetters(client, resolved);
  return { resolved, sourceNumbers, repeats };
}

/** Shard and agent of each source's first event, which determine the owner of a new source. */
function firstOfSources(events: readonly EventItem[]): Map<string, { shard: number; agent: string }> {
  const first = new Map<string, { shard: number; agent: string }>();
  for (const { event, shard } of events) if (!first.has(event.source)) first.set(event.source, { shard, agent: event.agent });
  return first;
}

/** The first event with a key keeps it, in the log or in this batch; later, equal bytes are duplicates and other bytes equivocations. */
function judgeEvents(
  places: readonly number[],
  events: readonly EventItem[],
  keys: readonly { readonly sourceNo: number; readonly eventId: string }[],
  known: ReadonlyMap<number, KnownEntry>,
  resolved: Resolved[],
): void {
  const firstByKey = new Map<string, number>();
  for (const [n, item] of events.entries()) {
    const { sourceNo, eventId } = keys[n] as { sourceNo: number; eventId: string };
    const place = places[n] as number;
    const entry = known.get(n);
    const key = `${sourceNo} ${eventId}`;
    const first = firstByKey.get(key);
    if (entry !== undefined) {
      resolved[place] = equal(entry.body, item.bytes)
        ? { kind: 'duplicate', shard: entry.shard, index: entry.index }
        : { kind: 'dead', item: equivocationItem(item, entry.index) };
    } else if (first !== undefined) {
      const same = equal((resolved[first] as { item: EventItem }).item.bytes, item.bytes);
      resolved[place] = same ? { kind: 'repeats', of: first } : { kind: 'dead', item: equivocationItem(item, undefined) };
    } else {
      firstByKey.set(key, place);
      resolved[place] = { kind: 'event', item, sourceNo };
    }
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

async function resolveLetters(client: pg.ClientBase, resolved: Resolved[]): Promise<void> {
  const items = resolved.map(
    (one): Item => (one.kind === 'dead' ? one.item : { kind: 'refused', refusal: { code: 'unstorable', detail: '' } }),
  );
  for (const [tenant, places] of placesByTenant(items, 'dead')) {
    const letters = places.map((place) => items[place] as DeadItem);
    const known = await findKnownLetters(client, tenant, letters);
    const firstByKey = new Map<string, number>();
    for (const [n, item] of letters.entries()) {
      const place = places[n] as number;
      const key = `${item.digest.toString('hex')} ${item.origin}`;
      const entry = known.get(n);
      const first = firstByKey.get(key);
      if (entry !== undefined) resolved[place] = { kind: 'known_letter', item, ...entry };
      else if (first !== undefined) resolved[place] = { kind: 'repeats', of: first };
      else firstByKey.set(key, place);
    }
  }
}

function placesByTenant(items: readonly Item[], kind: 'event' | 'dead'): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [place, item] of items.entries()) {
    if (item.kind !== kind) continue;
    const known = places.get(item.tenant);
    if (known === undefined) places.set(item.tenant, [place]);
    else known.push(place);
  }
  return places;
}
