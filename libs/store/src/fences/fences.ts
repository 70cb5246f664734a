import type { Call } from '@recant/events';
import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { StoreError } from '../error.ts';
import type { FreezeNews } from '../freezes/news.ts';
import { NEXT_VERSION } from '../freezes/version.ts';
import { inTransaction } from '../in-transaction.ts';
import type { Projection } from '../project/projection.ts';
import { instantCursor, instantPlaceOf } from '../query/instant-cursor.ts';
import { FENCE_COLUMNS, type FenceRecord, type FenceSqlRow, fenceOf, IN_FORCE, RESOURCES_SHOWN_MAX } from './fence-row.ts';
import { type FencedCall, judgeCalls, matchingFences, type StoppingFence } from './judge.ts';
import { recordedAttempt, recordedCalls } from './recorded-calls.ts';

export interface NewFence {
  /** See `callKey`. */
  readonly key: string;
  /** Undefined: every agent. */
  readonly agent?: string;
  readonly tool: string;
  readonly resources: readonly string[];
  /** Of a run that undoes the call. */
  readonly steps?: readonly number[];
}

export interface FenceTerms {
  readonly reason: string;
  readonly by: string;
  readonly expiresAtMs: number;
  readonly run?: string;
}

export interface FencePage {
  readonly fences: readonly FenceRecord[];
  readonly next?: string;
}

interface Ending {
  readonly by: string;
  readonly reason: string;
}

export interface Fences {
  /** Idempotent: a fence of the same call and agent that is in force is returned, and lasts until the later time. @throws StoreError `too_many` */
  set(tenant: string, fence: NewFence, terms: FenceTerms): Promise<FenceRecord>;
  /** Lets exactly one repetition through. Idempotent until it is used. */
  allow(tenant: string, id: string, allow: Ending): Promise<FenceRecord | 'unknown' | 'ended'>;
  end(tenant: string, id: string, end: Ending): Promise<FenceRecord | 'unknown' | 'ended'>;
  find(tenant: string, id: string): Promise<FenceRecord | undefined>;
  /** Newest first. @throws StoreError `cursor_invalid` */
  list(
    tenant: string,
    query: { readonly limit: number; readonly inForce: boolean; readonly run?: string | undefined; readonly cursor?: string | undefined },
  ): Promise<FencePage>;
  /** The call of a recorded action. @param attempt default: the last one. @returns undefined: no such attempt */
  callOf(tenant: string, action: string, attempt?: number): Promise<Call | 'not_recorded' | undefined>;
  /** For a recorder whose intents are not answered. Idempotent by source and event. @returns the fence that stops the call */
  ask(tenant: string, call: Omit<FencedCall, 'recorded'>): Promise<StoppingFence | undefined>;
}

/** Fences in force for one tenant. */
const FENCES_MAX = 10_000;

const EXPIRE =
  'UPDATE recant.fence SET ended_at = expires_at WHERE tenant_id = $1 AND ended_at IS NULL AND expires_at <= clock_timestamp()';
const COUNT = 'SELECT count(*)::int AS count FROM recant.fence WHERE tenant_id = $1 AND ended_at IS NULL';
const SET = `INSERT INTO recant.fence AS f (tenant_id, call_key, agent, tool, resources, resource_count, steps, reason, set_by, set_at, expires_at, run_id)
  SELECT $1, decode(u.key, 'hex'), u.agent, u.tool, ARRAY(SELECT jsonb_array_elements_text(u.resources)), u.count, ARRAY(SELECT jsonb_array_elements(u.steps)::int),
    $3, $4, clock_timestamp(), $5, $6
  FROM jsonb_to_recordset($2::jsonb) AS u (key text, agent text, tool text, resources jsonb, count int, steps jsonb)
  ON CONFLICT (tenant_id, call_key, agent) WHERE ended_at IS NULL DO UPDATE SET expires_at = greatest(f.expires_at, EXCLUDED.expires_at) RETURNING f.id`;
const ONE = `SELECT ${FENCE_COLUMNS} FROM recant.fence f WHERE f.tenant_id = $1 AND f.id = $2::uuid`;
const LIST = `SELECT ${FENCE_COLUMNS} FROM recant.fence f WHERE f.tenant_id = $1 AND (f.set_at, f.id) < ($2, $3::uuid) AND ($5 OR (${IN_FORCE}))
  AND ($6::text IS NULL OR f.run_id = $6) ORDER BY f.set_at DESC, f.id DESC LIMIT $4`;
const LOCK = `SELECT ${IN_FORCE} AS in_force FROM recant.fence f WHERE f.tenant_id = $1 AND f.id = $2::uuid FOR NO KEY UPDATE`;
const ALLOW = `INSERT INTO recant.fence_allow (tenant_id, fence_id, reason, allowed_by, allowed_at) VALUES ($1, $2, $3, $4, clock_timestamp())
  ON CONFLICT (tenant_id, fence_id) WHERE used_at IS NULL DO NOTHING`;
const END = 'UPDATE recant.fence SET ended_at = clock_timestamp(), ended_by = $3, end_reason = $4 WHERE tenant_id = $1 AND id = $2::uuid';

/** @param read connections for lists */
export function createFences(pool: pg.Pool, read: pg.Pool, news: FreezeNews, projection: Pick<Projection, 'reach'>): Fences {
  const change = (tenant: string, id: string, make: (client: pg.PoolClient) => Promise<unknown>) =>
    inTransaction(pool, async (client) => {
      const { rows } = await client.query<{ in_force: boolean }>(LOCK, [tenant, id]);
      if (rows[0] === undefined) return 'unknown';
      if (!rows[0].in_force) return 'ended';
      await make(client);
      return one(client, tenant, id);
    });
  return {
    async set(tenant, fence, terms) {
      const set = await inTransaction(pool, async (client) => {
        const [id] = await setFences(client, tenant, [fence], terms);
        return one(client, tenant, id as string);
      });
      news.tell(tenant, 'changed');
      return set;
    },
    allow: (tenant, id, { by, reason }) => change(tenant, id, (client) => client.query(ALLOW, [tenant, id, reason, by])),
    async end(tenant, id, { by, reason }) {
      const ended = await change(tenant, id, async (client) => {
        await client.query(NEXT_VERSION, [tenant]);
        await client.query(END, [tenant, id, by, reason]);
      });
      news.tell(tenant, 'changed');
      return ended;
    },
    async find(tenant, id) {
      const { rows } = await asReader(read, tenant, (client) => client.query<FenceSqlRow>(ONE, [tenant, id]));
      return rows[0] && fenceOf(rows[0]);
    },
    async list(tenant, { limit, inForce, run, cursor }) {
      const values = [tenant, ...instantPlaceOf(cursor), limit + 1, !inForce, run ?? null];
      const { rows } = await asReader(read, tenant, (client) => client.query<FenceSqlRow>(LIST, values));
      const fences = rows.slice(0, limit).map(fenceOf);
      const last = fences.at(-1);
      return rows.length <= limit || last === undefined ? { fences } : { fences, next: instantCursor(last.setAtMs, last.id) };
    },
    async callOf(tenant, action, attempt) {
      await projection.reach(tenant);
      return inTransaction(pool, async (client) => {
        const ref = await recordedAttempt(client, tenant, action, attempt);
        return ref && ((await recordedCalls(client, tenant, [ref])).get(0) ?? 'not_recorded');
      });
    },
    ask: (tenant, call) =>
      inTransaction(pool, async (client) => {
        const asked = { ...call, recorded: false };
        return (await judgeCalls(client, tenant, [asked], await matchingFences(client, tenant, new Set([call.key])))).get(asked);
      }),
  };
}

/** In the caller's transaction. @returns an id for each fence. @throws StoreError `too_many` */
export async function setFences(
  client: pg.ClientBase,
  tenant: string,
  fences: readonly NewFence[],
  { reason, by, expiresAtMs, run }: FenceTerms,
): Promise<readonly string[]> {
  // Takes the lock that other changes and the grants of leases wait for.
  await client.query(NEXT_VERSION, [tenant]);
  await client.query(EXPIRE, [tenant]);
  const rows = fences.map(({ key, agent = '', tool, resources, steps = [] }) => ({
    ...{ key, agent, tool, steps, count: resources.length },
    resources: resources.slice(0, RESOURCES_SHOWN_MAX),
  }));
  const set = await client.query<{ id: string }>(SET, [tenant, JSON.stringify(rows), reason, by, new Date(expiresAtMs), run ?? null]);
  const { rows: counted } = await client.query<{ count: number }>(COUNT, [tenant]);
  if ((counted[0]?.count ?? 0) > FENCES_MAX)
    throw new StoreError(
      'too_many',
      `${fences.length} more fences would exceed ${FENCES_MAX} in force: end some, or freeze the tool instead.`,
    );
  return set.rows.map(({ id }) => id);
}

async function one(client: pg.ClientBase, tenant: string, id: string): Promise<FenceRecord> {
  const { rows } = await client.query<FenceSqlRow>(ONE, [tenant, id]);
  if (rows[0] === undefined) throw new StoreError('store_unavailable', 'The database returned no row for a fence.');
  return fenceOf(rows[0]);
}
