import type { AttemptRef, Grade } from '@recant/events';
import { refOfEvent } from '@recant/ledger';
import {
  type LedgerReader,
  PLAN_CANDIDATES_MAX,
  PLAN_EFFECTS_MAX,
  PlannerError,
  type RecordedAttempt,
  refKey,
  type Selection,
  type Vector,
} from '@recant/planner';
import type pg from 'pg';
import { type AttemptSqlRow, type AttemptSummary, toSummary } from '../query/attempt-row.ts';
import { attemptColumns, Parameters, SOURCE, selectionConditions, stands, vectorArray, within } from '../query/attempt-sql.ts';
import { readVector } from '../query/vector.ts';
import { readEffectPages } from './effect-pages.ts';
import { findEffectsOn } from './effects-on.ts';
import { readIntents } from './entries.ts';
import { createEvidence, type Evidence, effectsIn, keyOf } from './evidence.ts';

/**
 * The planner's reads, bounded by a vector.
 * @param clock milliseconds since 1970, UTC: distinguishes `open` from `unknown`
 * @param effectsMax effects of one answer; beyond that `PlannerError` `plan_too_large`
 */
export function createLedgerReader(pool: pg.Pool, clock: () => number, effectsMax = PLAN_EFFECTS_MAX): LedgerReader {
  return {
    vector: (tenant) => readVector(pool, tenant),

    async select(tenant, selection, vector) {
      const parameters = new Parameters();
      const text = selectStatement(tenant, selection, vector, clock(), parameters);
      return recorded(pool, tenant, (await pool.query(text, parameters.values)).rows, vector);
    },

    async attempts(tenant, refs, vector) {
      const parameters = new Parameters();
      const text = attemptsStatement(tenant, refs, vector, clock(), parameters);
      return recorded(pool, tenant, (await pool.query(text, parameters.values)).rows, vector);
    },

    async inversesOf(tenant, refs, vector) {
      const parameters = new Parameters();
      const text = inversesStatement(tenant, refs, vector, clock(), parameters);
      return recorded(pool, tenant, (await pool.query(text, parameters.values)).rows, vector);
    },

    async contexts(tenant, attempts) {
      const intents = await readIntents(
        pool,
        tenant,
        attempts.map(({ entry }) => entry),
      );
      return new Map(
        [...intents].map(([n, { data }]) => [refKey(attempts[n]?.ref as AttemptRef), { ...data.context, resources: data.resources }]),
      );
    },

    async effectsOf(tenant, refs, vector) {
      return (await effectsIn(entriesOf(pool, tenant, refs, vector), effectsMax)) ?? tooMany(effectsMax);
    },

    async effectsOn(tenant, resources, vector) {
      const wanted = new Set(resources);
      const pages = await findEffectsOn(pool, { tenant, resources: [...wanted], vector, most: effectsMax });
      return (pages && (await effectsIn(pages, effectsMax, wanted))) ?? tooMany(effectsMax);
    },
  };
}

async function* entriesOf(pool: pg.Pool, tenant: string, refs: readonly AttemptRef[], vector: Vector) {
  for await (const { entries } of readEffectPages(pool, tenant, refs, vector)) yield entries;
}

function tooMany(most: number): never {
  throw new PlannerError('plan_too_large', `Too many effects to read: expected at most ${most}. Narrow the selection.`);
}

function selectStatement(tenant: string, selection: Selection, vector: Vector, now: number, parameters: Parameters): string {
  const owner = parameters.add(tenant);
  const sizes = parameters.add(vectorArray(vector));
  const nowMs = parameters.add(now);
  const conditions = selectionConditions(owner, selection, sizes, nowMs, parameters);
  return `SELECT ${attemptColumns(sizes, nowMs)} WHERE ${conditions.join(' AND ')} ORDER BY a.received_at, a.shard, a.idx
    LIMIT ${PLAN_CANDIDATES_MAX + 1}`;
}

function attemptsStatement(tenant: string, refs: readonly AttemptRef[], vector: Vector, now: number, parameters: Parameters): string {
  const owner = parameters.add(tenant);
  const sizes = parameters.add(vectorArray(vector));
  const nowMs = parameters.add(now);
  return `SELECT ${attemptColumns(sizes, nowMs)}
    JOIN ${keysOf(refs, parameters)} ON ${SOURCE} = k.source AND a.action = k.action AND a.attempt = k.attempt
    WHERE a.tenant_id = ${owner} AND ${stands(sizes)} ORDER BY a.received_at, a.shard, a.idx`;
}

/** Uses the partial index of inverses, which are few among a tenant's attempts. */
function inversesStatement(tenant: string, refs: readonly AttemptRef[], vector: Vector, now: number, parameters: Parameters): string {
  const owner = parameters.add(tenant);
  const sizes = parameters.add(vectorArray(vector));
  const nowMs = parameters.add(now);
  return `SELECT ${attemptColumns(sizes, nowMs)}
    JOIN ${keysOf(refs, parameters)} ON a.inverts_source = k.source AND a.inverts_action = k.action AND a.inverts_attempt = k.attempt
    WHERE a.tenant_id = ${owner} AND a.inverts_run IS NOT NULL AND ${within('a.shard', 'a.idx', sizes)}
    ORDER BY a.received_at, a.shard, a.idx`;
}

/** The attempts `k (source, action, attempt)`. */
function keysOf(refs: readonly AttemptRef[], parameters: Parameters): string {
  const [sources, actions, attempts] = [
    refs.map(({ source }) => source),
    refs.map(({ action }) => action),
    refs.map(({ attempt }) => attempt),
  ].map((list) => parameters.add(list));
  return `unnest(${sources}::text[], ${actions}::uuid[], ${attempts}::int[]) AS k (source, action, attempt)`;
}

async function recorded(
  pool: pg.Pool,
  tenant: string,
  rows: readonly AttemptSqlRow[],
  vector: Vector,
): Promise<readonly RecordedAttempt[]> {
  const listed = rows.map(toSummary);
  const keys = await readKeys(pool, tenant, listed);
  // Nothing settles the attempt of a revoked key any more.
  const summaries = listed.map(
    (summary): AttemptSummary =>
      summary.status === 'open' && keys.get(summary.keyId)?.revoked ? { ...summary, status: 'unknown' } : summary,
  );
  const evidence = await readEvidence(pool, tenant, { summaries, keys, vector });
  return summaries.map(({ settled: _settled, deadlineAtMs: _deadline, transaction: _transaction, ruling, ...rest }) => ({
    ...rest,
    ...(ruling && { ruledBy: ruling.by }),
    ...(evidence.get(keyOf(rest.ref)) as Evidence),
  }));
}

/** By `keyOf`. Reads page by page, and keeps of each attempt what the pages show. */
async function readEvidence(
  pool: pg.Pool,
  tenant: string,
  { summaries, keys, vector }: { summaries: readonly AttemptSummary[]; keys: ReadonlyMap<string, Key>; vector: Vector },
): Promise<ReadonlyMap<string, Evidence>> {
  const byKey = new Map(summaries.map((summary) => [keyOf(summary.ref), summary]));
  const refs = [...byKey.values()].map(({ ref }) => ref);
  const found = new Map<string, Evidence>();
  const open = new Map<string, ReturnType<typeof createEvidence>>();
  for await (const page of readEffectPages(pool, tenant, refs, vector)) {
    for (const key of page.refs.map(keyOf)) {
      const summary = byKey.get(key) as AttemptSummary;
      if (!open.has(key)) open.set(key, createEvidence(summary, keys.get(summary.keyId) ?? { grade: 'claimed', resources: [] }));
    }
    for (const entry of page.entries) open.get(keyOf(refOfEvent(entry.event)))?.add(entry);
    if (page.isLast !== true) continue;
    for (const [key, one] of open) found.set(key, one.end());
    open.clear();
  }
  return found;
}

interface Key {
  readonly grade: Grade;
  readonly resources: readonly string[];
  /** Without a successor. */
  readonly revoked: boolean;
}

const KEYS = `SELECT c.key_id, c.roles, c.resources, c.revoked_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM recant.credential s WHERE s.tenant_id = c.tenant_id AND s.predecessor = c.key_id) AS revoked
  FROM recant.credential c WHERE c.tenant_id = $1 AND c.key_id = ANY ($2::text[])`;

/** Effects are attested if recorded under a key with the role `rollback` (Recant's own connectors), else claimed by the agent's process. */
async function readKeys(pool: pg.Pool, tenant: string, summaries: readonly AttemptSummary[]): Promise<Map<string, Key>> {
  const { rows } = await pool.query(KEYS, [tenant, [...new Set(summaries.map(({ keyId }) => keyId))]]);
  return new Map(
    rows.map(({ key_id, roles, resources, revoked }) => [
      key_id,
      { grade: roles.includes('rollback') ? 'attested' : 'claimed', resources, revoked },
    ]),
  );
}
