import type pg from 'pg';
import { IN_FORCE } from './fence-row.ts';

/** An intent that may repeat a fenced call. */
export interface FencedCall {
  readonly agent: string;
  readonly source: string;
  /** Id of the intent. */
  readonly event: string;
  /** See `callKey`. */
  readonly key: string;
  /** The log has this intent already. */
  readonly recorded: boolean;
}

/** A fence that stops a call. */
export interface StoppingFence {
  readonly id: string;
  readonly reason: string;
  readonly by: string;
  readonly expiresAtMs: number;
}

const MATCHING = `SELECT f.id, encode(f.call_key, 'hex') AS key, f.agent, f.reason, f.set_by, f.expires_at FROM recant.fence f
  WHERE f.tenant_id = $1 AND f.call_key = ANY ($2::bytea[]) AND ${IN_FORCE}`;
/** A permission that another transaction is using is skipped, not waited for: if that transaction fails, the permission stays for the next call. */
const OPEN_ALLOWS = `SELECT id, fence_id FROM recant.fence_allow WHERE tenant_id = $1 AND fence_id = ANY ($2::uuid[]) AND used_at IS NULL FOR UPDATE SKIP LOCKED`;
const USE = `UPDATE recant.fence_allow a SET used_at = clock_timestamp(), used_source = u.source, used_event = u.event
  FROM unnest($2::uuid[], $3::text[], $4::text[]) AS u (id, source, event) WHERE a.tenant_id = $1 AND a.id = u.id`;
const HIT = `INSERT INTO recant.fence_hit (tenant_id, fence_id, source, event_id, agent, hit_at)
  SELECT $1, u.*, clock_timestamp() FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS u ON CONFLICT DO NOTHING`;
const WERE_HIT = `SELECT fence_id, source, event_id AS event FROM recant.fence_hit
  WHERE tenant_id = $1 AND (fence_id, source, event_id) IN (SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[]))`;
const DID_USE = `SELECT fence_id, used_source AS source, used_event AS event FROM recant.fence_allow
  WHERE tenant_id = $1 AND (fence_id, used_source, used_event) IN (SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[]))`;

export interface MatchingFence extends StoppingFence {
  readonly key: string;
  readonly agent: string;
}

/** Fences in force on these calls. One probe of the unique index per key, however many fences there are. */
export async function matchingFences(client: pg.ClientBase, tenant: string, keys: ReadonlySet<string>): Promise<readonly MatchingFence[]> {
  if (keys.size === 0) return [];
  const { rows } = await client.query(MATCHING, [tenant, [...keys].map((key) => Buffer.from(key, 'hex'))]);
  return rows.map(({ id, key, agent, reason, set_by, expires_at }) => ({
    ...{ id, key, agent, reason, by: set_by },
    expiresAtMs: expires_at.getTime(),
  }));
}

/** A fence of the call's own agent comes before one of every agent. */
export function fenceFor(fences: readonly MatchingFence[], { key, agent }: Pick<FencedCall, 'key' | 'agent'>): MatchingFence | undefined {
  const matching = fences.filter((fence) => fence.key === key && (fence.agent === '' || fence.agent === agent));
  return matching.find((fence) => fence.agent !== '') ?? matching[0];
}

/**
 * Decides in the caller's transaction which calls their fences stop. A permission lets the first call through and is used by this transaction; a call that is asked about
 * again, because an answer was lost, gets the first answer. @returns the fence of each stopped call
 */
export async function judgeCalls<T extends FencedCall>(
  client: pg.ClientBase,
  tenant: string,
  calls: readonly T[],
  fences: readonly MatchingFence[],
): Promise<ReadonlyMap<T, StoppingFence>> {
  const matched = calls.flatMap((call) => {
    const fence = fenceFor(fences, call);
    return fence === undefined ? [] : [{ call, fence }];
  });
  const wereHit = await answered(client, WERE_HIT, tenant, matched);
  const didUse = await answered(client, DID_USE, tenant, matched);
  const stopped = new Map<T, StoppingFence>();
  const fresh: Matched<T>[] = [];
  for (const one of matched) {
    if (didUse.has(idOf(one))) continue;
    if (wereHit.has(idOf(one))) stopped.set(one.call, one.fence);
    else if (!one.call.recorded) fresh.push(one);
  }
  for (const { call, fence } of await withoutAllow(client, tenant, fresh)) stopped.set(call, fence);
  return stopped;
}

interface Matched<T extends FencedCall = FencedCall> {
  readonly call: T;
  readonly fence: MatchingFence;
}

const idOf = ({ call, fence }: Matched): string => `${fence.id} ${call.source} ${call.event}`;
const columnsOf = (matched: readonly Matched[]) => [
  matched.map(({ fence }) => fence.id),
  matched.map(({ call }) => call.source),
  matched.map(({ call }) => call.event),
];

/** Intents that were judged before. */
async function answered(client: pg.ClientBase, text: string, tenant: string, matched: readonly Matched[]): Promise<ReadonlySet<string>> {
  if (matched.length === 0) return new Set();
  const { rows } = await client.query<{ fence_id: string; source: string; event: string }>(text, [tenant, ...columnsOf(matched)]);
  return new Set(rows.map(({ fence_id, source, event }) => `${fence_id} ${source} ${event}`));
}

/** Uses the permissions there are, in order, and notes the other calls. @returns the calls that found none */
async function withoutAllow<T extends FencedCall>(
  client: pg.ClientBase,
  tenant: string,
  fresh: readonly Matched<T>[],
): Promise<readonly Matched<T>[]> {
  if (fresh.length === 0) return [];
  const { rows } = await client.query<{ id: string; fence_id: string }>(OPEN_ALLOWS, [
    tenant,
    [...new Set(fresh.map(({ fence }) => fence.id))],
  ]);
  const allowOf = new Map(rows.map(({ id, fence_id }) => [fence_id, id]));
  const uses: { readonly allow: string; readonly call: FencedCall }[] = [];
  const stopped = fresh.filter(({ call, fence }) => {
    const allow = allowOf.get(fence.id);
    if (allow === undefined) return true;
    allowOf.delete(fence.id);
    uses.push({ allow, call });
    return false;
  });
  if (uses.length > 0)
    await client.query(USE, [
      tenant,
      uses.map(({ allow }) => allow),
      uses.map(({ call }) => call.source),
      uses.map(({ call }) => call.event),
    ]);
  if (stopped.length > 0) await client.query(HIT, [tenant, ...columnsOf(stopped), stopped.map(({ call }) => call.agent)]);
  return stopped;
}
