import { decodeEvent } from '@recant/events';
import { decodeFrame } from '@recant/ledger';
import { type Store, withSnapshot } from '@recant/store';
import type { Sent } from './senders.ts';

export interface RecordedEvent extends Sent {
  readonly keyId: string;
  readonly sequence: number;
  readonly receivedAtMs: number;
}

/** Every event of a tenant, in log order, decoded from the frames. */
export async function recordedEvents(store: Store, tenant: string): Promise<readonly RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  await withSnapshot(store.pool, tenant, async (snapshot) => {
    for await (const { frame } of snapshot.entries()) {
      const decoded = decodeFrame(frame);
      const event = decoded?.kind === 'event' ? decodeEvent(decoded.body) : undefined;
      if (!decoded || !event?.ok) continue;
      const { source, id, sequence } = event.event;
      found.push({ source, id, sequence: Number(sequence), keyId: decoded.keyId, receivedAtMs: decoded.receivedAtMs });
    }
  });
  return found;
}

/** Events that were recorded under a key, counted by the key id in their frames. */
export async function countUnder(store: Store, tenant: string, keyId: string): Promise<number> {
  const COUNT = `SELECT count(*)::int AS events FROM recant.entry WHERE tenant_id = $1 AND event_id IS NOT NULL
    AND convert_from(substr(frame, 5 + get_byte(frame, 2), get_byte(frame, 3 + get_byte(frame, 2))), 'UTF8') = $2`;
  return (await store.pool.query(COUNT, [tenant, keyId])).rows[0].events;
}

/** Events refused because their key had ended, with the bytes from Kafka: by partition, offset and line of the batch. */
export async function refusedUnder(store: Store, tenant: string, keyId: string): Promise<readonly Sent[]> {
  const LETTERS = `SELECT bytes FROM recant.dead_letter WHERE tenant_id = $1 AND key_id = $2 AND code = 'unauthenticated'
    ORDER BY split_part(origin, '/', 2)::int, split_part(split_part(origin, '/', 3), '#', 1)::bigint, nullif(split_part(origin, '#', 2), '')::int`;
  const { rows } = await store.pool.query(LETTERS, [tenant, keyId]);
  return rows.map(({ bytes }) => {
    const decoded = decodeEvent(bytes);
    if (!decoded.ok) throw new TypeError(decoded.detail);
    return { source: decoded.event.source, id: decoded.event.id };
  });
}

/** Equal for two lists with the same events of each source, in order. */
export function bySource(list: readonly Sent[]): readonly (readonly [string, readonly string[]])[] {
  const groups = Map.groupBy(list, ({ source }) => source);
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([source, all]) => [source, all.map(({ id }) => id)] as const);
}
