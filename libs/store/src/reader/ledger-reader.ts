import type { AttemptRef, Grade } from '@recant/events';
import { refOfEvent } from '@recant/ledger';
import { type LedgerReader, PLAN_CANDIDATES_MAX, type RecordedAttempt, refKey, type Selection, type Vector } from '@recant/planner';
import type pg from 'pg';
import { type AttemptSqlRow, type AttemptSummary, toSummary } from '../query/attempt-row.ts';
import { attemptColumns, Parameters, SOURCE, selectionConditions, stands, vectorArray, within } from '../query/attempt-sql.ts';
import { readVector } from '../query/vector.ts';
import { readEffectsOf, readEffectsOn, readIntents } from './entries.ts';
import { effectsIn, evidenceOf, keyOf } from './evidence.ts';

/** The planner's reads, bounded by a vector. @param clock milliseconds since 1970, UTC: distinguishes `open` from `unknown` */
export function createLedgerReader(pool: pg.Pool, clock: () => number): LedgerReader {
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
      return effectsIn(await readEffectsOf(pool, tenant, refs, vector));
    },

    async effectsOn(tenant, resources, vector) {
      const wanted = new Set(resources);
      return effectsIn(await readEffectsOn(pool, tenant, [...wanted], vector), wanted);
    },
  };
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
  const summaries = rows.map(toSummary);
  const keys = await readKeys(pool, tenant, summaries);
  const refs = summaries.map(({ ref }) => ref);
  const entries = Map.groupBy(await readEffectsOf(pool, tenant, refs, vector), ({ event }) => keyOf(refOfEvent(event)));
  return summaries.map((listed) => {
    const key = keys.get(listed.keyId) ?? { grade: 'claimed', resources: [], revoked: false };
    // Nothing settles it any more.
    const summary: AttemptSummary = listed.status === 'open' && key.revoked ? { ...listed, status: 'unknown' } : listed;
    const { settled: _settled, deadlineAtMs: _deadline, transaction: _transaction, ruling, ...rest } = summary;
    return { ...rest, ...(ruling && { ruledBy: ruling.by }), ...evidenceOf(summary, entries.get(keyOf(summary.ref)) ?? [], key) };
  });
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
