import type { Refusal } from '@recant/ledger';
import type pg from 'pg';
import type { EventItem, Item } from './item.ts';
import { type LogHead, logKeyOf } from './lock-logs.ts';

/** One index probe each for the source and for its event. */
const FIND_EVENTS = `SELECT k.n FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS k (tenant, source, event_id, n)
  JOIN recant.source s ON s.tenant_id = k.tenant AND s.source = k.source,
  LATERAL (SELECT 1 FROM recant.entry WHERE tenant_id = k.tenant AND source_no = s.source_no AND event_id = k.event_id OFFSET 0) e`;

const CACHE_MAX = 100_000;

/**
 * Detects a log restored to an older copy. A producer names the last event that was acknowledged to it; a log without that event was set back, and refuses
 * events of that source until the missing ones were sent again. Looked up once per source and epoch: an entry found once remains in
 * the same database.
 */
export class Continuity {
  readonly #confirmed = new Set<string>();

  /** @param heads locked. @returns the items, with those whose log was set back refused */
  async check(client: pg.ClientBase, items: readonly Item[], heads: ReadonlyMap<string, LogHead>): Promise<readonly Item[]> {
    const asked = new Map<string, EventItem>();
    const keyOf = (item: EventItem): string => `${heads.get(logKeyOf(item))?.epoch} ${item.tenant} ${item.event.source}`;
    for (const item of items)
      if (item.kind === 'event' && item.after !== undefined && !this.#confirmed.has(keyOf(item))) asked.set(keyOf(item), item);
    if (asked.size === 0) return items;
    const found = await this.#find(client, [...asked.values()]);
    const behind = new Set([...asked.keys()].filter((_, at) => !found.has(at)));
    if (this.#confirmed.size + asked.size > CACHE_MAX) this.#confirmed.clear();
    for (const key of asked.keys()) if (!behind.has(key)) this.#confirmed.add(key);
    return items.map((item) =>
      item.kind === 'event' && item.after !== undefined && behind.has(keyOf(item)) ? { kind: 'refused', refusal: refusalOf(item) } : item,
    );
  }

  async #find(client: pg.ClientBase, asked: readonly EventItem[]): Promise<Set<number>> {
    const columns = [asked.map(({ tenant }) => tenant), asked.map(({ event }) => event.source), asked.map(({ after }) => after)];
    const { rows } = await client.query({ name: 'recant-find-events', text: FIND_EVENTS, values: columns });
    return new Set(rows.map(({ n }) => Number(n) - 1));
  }
}

function refusalOf({ event, after, shard }: EventItem): Refusal {
  const detail = `Shard ${shard} does not contain acknowledged event ${after} of ${event.source}: the log was restored from an older copy.`;
  return { code: 'log_behind_source', detail };
}
