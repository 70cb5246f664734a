import { callKey, type EventOf, OWN_AGENT } from '@recant/events';
import type { Receipt } from '@recant/ledger';
import type pg from 'pg';
import { type FencedCall, fenceFor, judgeCalls, type MatchingFence, matchingFences, type StoppingFence } from '../fences/judge.ts';
import { type EventItem, type Item, ORIGIN_HTTP } from './item.ts';
import type { Resolved } from './resolve.ts';

type Intent = EventItem & { readonly event: EventOf<'recant.attempt.intended.v1'> };

/** Intents whose sender waits for the answer. Over Kafka the broker has answered: the recorder asks beforehand. Reads and inverses are never fenced. */
function isFenceable(item: Item): item is Intent {
  if (item.kind !== 'event' || item.origin !== ORIGIN_HTTP || item.own || item.event.type !== 'recant.attempt.intended.v1') return false;
  const { agent, data } = item.event;
  return data.inverts === undefined && data.reversibility !== 'read' && agent !== OWN_AGENT;
}

/** Tenants of these items with any fence; for the exchange that begins the transaction. Undefined: nothing can be fenced. */
export function fencedTenantsStatement(client: pg.ClientBase, items: readonly Item[]): string | undefined {
  const tenants = new Set(items.filter(isFenceable).map(({ tenant }) => client.escapeLiteral(tenant)));
  if (tenants.size === 0) return undefined;
  return `SELECT t FROM unnest(ARRAY[${[...tenants].join(', ')}]) AS t WHERE EXISTS (SELECT FROM recant.fence f WHERE f.tenant_id = t AND f.ended_at IS NULL)`;
}

/** Intents of one tenant that a fence in force may stop, by place. */
interface TenantCalls {
  readonly keys: ReadonlyMap<number, string>;
  readonly fences: readonly MatchingFence[];
}
export type FencedIntents = ReadonlyMap<string, TenantCalls>;

/** @param tenants answer to `fencedTenantsStatement` */
export async function findFencedIntents(client: pg.ClientBase, items: readonly Item[], tenants: readonly string[]): Promise<FencedIntents> {
  const found = new Map<string, TenantCalls>();
  for (const tenant of tenants) {
    const keys = new Map<number, string>();
    for (const [place, item] of items.entries()) {
      const key = item.kind === 'event' && item.tenant === tenant && isFenceable(item) ? callKey(item.event.data) : undefined;
      if (key !== undefined) keys.set(place, key);
    }
    const fences = await matchingFences(client, tenant, new Set(keys.values()));
    if (fences.length > 0) found.set(tenant, { keys, fences });
  }
  return found;
}

/** @returns the fence of each intent that is recorded and must not be executed, by place */
export async function stopFencedIntents(
  client: pg.ClientBase,
  intents: FencedIntents,
  items: readonly Item[],
  resolved: readonly Resolved[],
): Promise<ReadonlyMap<number, StoppingFence>> {
  const stopped = new Map<number, StoppingFence>();
  for (const [tenant, { keys, fences }] of intents) {
    const calls = [...keys].flatMap(([place, key]): (FencedCall & { place: number })[] => {
      const kind = resolved[place]?.kind;
      if (kind !== 'event' && kind !== 'duplicate') return [];
      const { agent, source, id } = (items[place] as Intent).event;
      if (fenceFor(fences, { key, agent }) === undefined) return [];
      return [{ agent, source, event: id, key, recorded: kind === 'duplicate', place }];
    });
    for (const [{ place }, fence] of await judgeCalls(client, tenant, calls, fences)) stopped.set(place, fence);
  }
  return stopped;
}

/** The intents are recorded; their senders are told not to execute them. */
export function withFences(
  receipts: readonly Receipt[],
  resolved: readonly Resolved[],
  stopped: ReadonlyMap<number, StoppingFence>,
): readonly Receipt[] {
  if (stopped.size === 0) return receipts;
  return receipts.map((receipt, place) => {
    const one = resolved[place];
    const fence = stopped.get(one?.kind === 'repeats' ? one.of : place);
    if (fence === undefined || receipt.kind === 'refused' || receipt.kind === 'held') return receipt;
    const { shard, index } = receipt;
    return { kind: 'fenced', shard, index, fence: fence.id, detail: fencedText(fence) };
  });
}

export function fencedText({ id, reason, by, expiresAtMs }: StoppingFence): string {
  return `Fence ${id} stops this call until ${new Date(expiresAtMs).toISOString()}, because it repeats one that must not be repeated: ${reason} (${by}).`;
}
