import type { AttemptRef, Grade } from '@recant/events';
import {
  type LedgerReader,
  PLAN_ATTEMPTS_MAX,
  PLAN_CANDIDATES_MAX,
  PLAN_EFFECTS_MAX,
  PlannerError,
  type RecordedAttempt,
  refKey,
  type Selection,
  type Vector,
} from '@recant/planner';
import type { StepLedger } from '@recant/runner';
import type pg from 'pg';
import { readCursor } from '../audit/read-cursor.ts';
import { inTransaction } from '../in-transaction.ts';
import type { Projection } from '../project/projection.ts';
import { type AttemptSqlRow, type AttemptSummary, toSummary } from '../query/attempt-row.ts';
import { attemptColumns, Parameters, SOURCE, selectionConditions, stands, vectorArray, within } from '../query/attempt-sql.ts';
import { readEffectPages } from './effect-pages.ts';
import { findEffectsOn } from './effects-on.ts';
import { compareEntries, type EffectsEntry, keyOf, readIntents } from './entries.ts';
import { createEffectsCollector, createEvidence, type EffectsCollector, type Evidence } from './evidence.ts';
import { readAhead } from './read-ahead.ts';

/** Attempts that one statement looks up by name. */
const NAMED_MAX = 5_000;

/**
 * The planner's reads, bounded by a vector, up to which the read models were complete when it was read.
 * @param clock milliseconds since 1970, UTC: distinguishes `open` from `unknown`
 * @param effectsMax effects of one answer; beyond that `PlannerError` `plan_too_large`
 */
export function createLedgerReader(
  pool: pg.Pool,
  projection: Pick<Projection, 'reach'>,
  clock: () => number,
  effectsMax = PLAN_EFFECTS_MAX,
): LedgerReader & StepLedger {
  return {
    vector: (tenant) => projection.reach(tenant),

    async select(tenant, selection, vector, onEffects) {
      const listed = await listSelected(pool, tenant, selection, { vector, nowMs: clock() });
      if (onEffects === undefined || listed.length > PLAN_ATTEMPTS_MAX) return recorded(pool, tenant, listed, vector);
      const collector = createEffectsCollector(effectsMax);
      const attempts = await recorded(pool, tenant, listed, vector, (entries) => collector.add(entries) || tooMany(effectsMax));
      onEffects(collector.effects());
      return attempts;
    },

    async attempts(tenant, refs, vector) {
      return recorded(pool, tenant, await listNamed(pool, tenant, refs, { vector, nowMs: clock() }, attemptsStatement), vector);
    },

    async recordOf(tenant, refs, vector) {
      const listed = await listNamed(pool, tenant, refs, { vector, nowMs: clock() }, attemptsStatement);
      const collector = createEffectsCollector(effectsMax);
      const attempts = await recorded(pool, tenant, listed, vector, (entries) => collector.add(entries) || tooMany(effectsMax));
      return { attempts, effects: collector.effects() };
    },

    async inversesOf(tenant, refs, vector) {
      return recorded(pool, tenant, await listNamed(pool, tenant, refs, { vector, nowMs: clock() }, inversesStatement), vector);
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
      const collector = createEffectsCollector(effectsMax);
      for await (const { entries } of readAhead(readEffectPages(pool, tenant, refs, vector)))
        if (!collector.add(entries)) tooMany(effectsMax);
      return collector.effects();
    },

    async effectsOn(tenant, resources, vector, known = []) {
      const wanted = new Set(resources);
      const pages = await findEffectsOn(pool, { tenant, resources: [...wanted], vector, most: effectsMax, known });
      const collector: EffectsCollector = createEffectsCollector(effectsMax, wanted);
      for await (const entries of readAhead(pages ?? tooMany(effectsMax))) if (!collector.add(entries)) tooMany(effectsMax);
      return collector.effects();
    },
  };
}

function tooMany(most: number): never {
  throw new PlannerError('plan_too_large', `Too many effects to read: expected at most ${most}. Narrow the selection.`);
}

/** When, by the log and by the clock. */
interface Instant {
  readonly vector: Vector;
  /** Milliseconds since 1970, UTC. */
  readonly nowMs: number;
}

/** Rows are read in batches: one has several times the size of what is left of it. */
function listSelected(pool: pg.Pool, tenant: string, selection: Selection, { vector, nowMs }: Instant): Promise<AttemptSummary[]> {
  const parameters = new Parameters();
  const text = selectStatement(tenant, selection, vector, nowMs, parameters);
  const toRow = sharingTexts();
  const listed: AttemptSummary[] = [];
  // A cursor is otherwise planned for its first tenth.
  const settings = 'SET TRANSACTION READ ONLY; SET LOCAL cursor_tuple_fraction = 1';
  return inTransaction(
    pool,
    async (client) => {
      for await (const one of readCursor(client, 'selected', text, parameters.values, toRow)) listed.push(one);
      return listed;
    },
    settings,
  );
}

/** Ascending, each once. @param statement of at most NAMED_MAX attempts */
async function listNamed(
  pool: pg.Pool,
  tenant: string,
  refs: readonly AttemptRef[],
  { vector, nowMs }: Instant,
  statement: typeof attemptsStatement,
): Promise<AttemptSummary[]> {
  const toRow = sharingTexts();
  const listed: AttemptSummary[] = [];
  const named = [...new Map(refs.map((ref) => [keyOf(ref), ref])).values()];
  for (let at = 0; at < named.length; at += NAMED_MAX) {
    const parameters = new Parameters();
    const text = statement(tenant, named.slice(at, at + NAMED_MAX), vector, nowMs, parameters);
    for (const row of (await pool.query<AttemptSqlRow>(text, parameters.values)).rows) listed.push(toRow(row));
  }
  return named.length > NAMED_MAX ? listed.sort(compareSummaries) : listed;
}

const compareSummaries = (a: AttemptSummary, b: AttemptSummary): number =>
  a.receivedAtMs - b.receivedAtMs || compareEntries(a.entry, b.entry);

/** Attempts of one agent have most of their texts in common: each is kept once. */
function sharingTexts(): (row: Record<string, unknown>) => AttemptSummary {
  const texts = new Map<unknown, unknown>();
  return (row) => {
    for (const column of SHARED_COLUMNS) {
      const value = row[column];
      if (typeof value !== 'string') continue;
      const known = texts.get(value);
      if (known === undefined) texts.set(value, value);
      else row[column] = known;
    }
    return toSummary(row as AttemptSqlRow);
  };
}
const SHARED_COLUMNS = ['source', 'agent', 'tool', 'session', 'trace', 'status', 'reversibility', 'key_id', 'system', 'login'] as const;

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

/**
 * Reads the entries of these attempts page by page, and keeps of each attempt what the pages show.
 * @param onEntries called with the entries of each page
 */
async function recorded(
  pool: pg.Pool,
  tenant: string,
  listed: readonly AttemptSummary[],
  vector: Vector,
  onEntries: (entries: readonly EffectsEntry[]) => void = () => undefined,
): Promise<readonly RecordedAttempt[]> {
  const keys = await readKeys(pool, tenant, listed);
  const share = sharedLists();
  const found: RecordedAttempt[] = [];
  const open = new Map<AttemptRef, { readonly summary: AttemptSummary; readonly evidence: ReturnType<typeof createEvidence> }>();
  const refs = listed.map(({ ref }) => ref);
  for await (const page of readAhead(readEffectPages(pool, tenant, refs, vector))) {
    // The attempts of a page are the next ones of the list.
    if (open.size === 0)
      for (const listedOne of listed.slice(found.length, found.length + page.refs.length)) {
        const key = keys.get(listedOne.keyId) ?? UNKNOWN_KEY;
        const summary = asOf(listedOne, key);
        open.set(summary.ref, { summary, evidence: createEvidence(summary, key) });
      }
    for (const entry of page.entries) open.get(entry.attempt)?.evidence.add(entry);
    onEntries(page.entries);
    if (page.isLast !== true) continue;
    for (const { summary, evidence } of open.values()) found.push(attemptOf(summary, evidence.end(), share));
    open.clear();
  }
  return found;
}

/** Nothing settles the attempt of a revoked key any more. */
const asOf = (summary: AttemptSummary, { revoked }: Key): AttemptSummary =>
  summary.status === 'open' && revoked ? { ...summary, status: 'unknown' } : summary;

function attemptOf(
  { settled: _settled, deadlineAtMs: _deadline, transaction: _transaction, ruling, ...rest }: AttemptSummary,
  { registered, ...evidence }: Evidence,
  share: (list: readonly string[]) => readonly string[],
): RecordedAttempt {
  return { ...rest, ...(ruling && { ruledBy: ruling.by }), ...evidence, registered: share(registered) };
}

/** Attempts of one key have the same resources: each list is kept once. */
function sharedLists(): (list: readonly string[]) => readonly string[] {
  const lists = new Map<string, readonly string[]>();
  return (list) => {
    const text = JSON.stringify(list);
    const known = lists.get(text);
    if (known === undefined) lists.set(text, list);
    return known ?? list;
  };
}

interface Key {
  readonly grade: Grade;
  readonly resources: readonly string[];
  /** Without a successor. */
  readonly revoked: boolean;
}

const UNKNOWN_KEY: Key = { grade: 'claimed', resources: [], revoked: false };

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
