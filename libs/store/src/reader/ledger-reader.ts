import { type AttemptRef, createEffectsDigest, type Grade } from '@recant/events';
import type { LedgerReader, RecordedAttempt, RecordedEffect, Selection, Vector } from '@recant/planner';
import type pg from 'pg';
import { type AttemptSqlRow, type AttemptSummary, toSummary } from '../query/attempt-row.ts';
import { attemptColumns, Parameters, selectionConditions, vectorArray, within } from '../query/attempt-sql.ts';
import { readVector } from '../query/vector.ts';
import { type EffectsEntry, readEffectsOf, readEffectsOn } from './entries.ts';

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

    async effectsOf(tenant, refs, vector) {
      return (await readEffectsOf(pool, tenant, refs, vector)).flatMap((entry) => effectsIn(entry));
    },

    async effectsOn(tenant, resources, vector) {
      const wanted = new Set(resources);
      return (await readEffectsOn(pool, tenant, [...wanted], vector)).flatMap((entry) => effectsIn(entry, wanted));
    },
  };
}

function selectStatement(tenant: string, selection: Selection, vector: Vector, now: number, parameters: Parameters): string {
  const owner = parameters.add(tenant);
  const sizes = parameters.add(vectorArray(vector));
  const nowMs = parameters.add(now);
  const conditions = selectionConditions(owner, selection, sizes, nowMs, parameters);
  return `SELECT ${attemptColumns(sizes, nowMs)} WHERE ${conditions.join(' AND ')} ORDER BY a.received_at, a.shard, a.idx`;
}

function attemptsStatement(tenant: string, refs: readonly AttemptRef[], vector: Vector, now: number, parameters: Parameters): string {
  const owner = parameters.add(tenant);
  const sizes = parameters.add(vectorArray(vector));
  const nowMs = parameters.add(now);
  return `SELECT ${attemptColumns(sizes, nowMs)}
    JOIN ${keysOf(refs, parameters)} ON src.source = k.source AND a.action = k.action AND a.attempt = k.attempt
    WHERE a.tenant_id = ${owner} AND ${within('a.shard', 'a.idx', sizes)} ORDER BY a.received_at, a.shard, a.idx`;
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
  const complete = await findComplete(pool, tenant, summaries, vector);
  return summaries.map((summary) => {
    const { settled: _settled, deadlineAtMs: _deadline, ...rest } = summary;
    const key = keys.get(summary.keyId);
    return { ...rest, complete: complete.has(summary), grade: key?.grade ?? 'claimed', registered: key?.resources ?? [] };
  });
}

const KEYS = 'SELECT key_id, roles, resources FROM recant.credential WHERE tenant_id = $1 AND key_id = ANY ($2::text[])';

/** Effects are attested if recorded under a key with the role `rollback` (Recant's own connectors), else claimed by the agent's process. */
async function readKeys(
  pool: pg.Pool,
  tenant: string,
  summaries: readonly AttemptSummary[],
): Promise<Map<string, { grade: Grade; resources: readonly string[] }>> {
  const { rows } = await pool.query(KEYS, [tenant, [...new Set(summaries.map(({ keyId }) => keyId))]]);
  return new Map(
    rows.map((row) => [row.key_id, { grade: row.roles.includes('rollback') ? 'attested' : 'claimed', resources: row.resources }]),
  );
}

/** Attempts whose settlement matches the recorded chunks in count and digest. */
async function findComplete(
  pool: pg.Pool,
  tenant: string,
  summaries: readonly AttemptSummary[],
  vector: Vector,
): Promise<Set<AttemptSummary>> {
  const settled = summaries.filter((summary) => summary.settled !== undefined);
  const chunks = Map.groupBy(
    await readEffectsOf(
      pool,
      tenant,
      settled.map(({ ref }) => ref),
      vector,
    ),
    ({ event }) => keyOf({ source: event.source, action: event.data.action, attempt: event.data.attempt }),
  );
  return new Set(settled.filter(({ ref, settled }) => settled !== undefined && isComplete(settled, chunks.get(keyOf(ref)) ?? [])));
}

/** Same rule as `attemptState` in libs/ledger. Ids are unique, so no chunk occurs twice. */
function isComplete(settled: NonNullable<AttemptSummary['settled']>, entries: readonly EffectsEntry[]): boolean {
  const chunks = entries.map(({ event }) => event.data).sort((a, b) => a.chunk - b.chunk);
  if (chunks.length !== settled.chunks || chunks.some(({ chunk }, n) => chunk !== n)) return false;
  if (chunks.reduce((sum, { effects }) => sum + effects.length, 0) !== settled.effects) return false;
  const digest = createEffectsDigest();
  for (const { effects } of chunks) digest.add(effects);
  return digest.hex() === settled.digest;
}

const keyOf = ({ source, action, attempt }: AttemptRef): string => `${action}.${attempt} ${source}`;

function effectsIn({ entry, event }: EffectsEntry, wanted?: ReadonlySet<string>): readonly RecordedEffect[] {
  const { action, attempt, effects } = event.data;
  const ref: AttemptRef = { source: event.source, action, attempt };
  const chosen = wanted === undefined ? effects : effects.filter(({ resource }) => wanted.has(resource));
  return chosen.map((effect) => ({ ...effect, attempt: ref, entry }));
}
