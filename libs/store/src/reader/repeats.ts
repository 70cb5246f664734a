import { type AttemptRef, type AttemptStatus, type Reversibility, sameCallKey } from '@recant/events';
import { type EntryAddress, refKey } from '@recant/planner';
import type pg from 'pg';
import { asReader, inTurn } from '../access/as-reader.ts';
import type { AttemptSqlRow } from '../query/attempt-row.ts';
import { msOf, statusExpression } from '../query/attempt-sql.ts';
import { readIntents } from './entries.ts';

/** Attempts that one question compares with others. */
export const REPEAT_ATTEMPTS_MAX = 300;
/** Milliseconds between the receipts of two calls that may be one call, made twice. */
export const REPEAT_MS_MAX = 600_000;
/** Nearest calls of the same tool, before and after, that an attempt is compared with. */
export const REPEAT_CALLS_MAX = 20;
/** Calls that are listed with one attempt. */
const SAME_MAX = 10;
/** Attempts of a plan that are searched for those that may be repeats. */
const SEARCHED_MAX = 10_000;
/** Intents in memory at once: 64 KiB each at most. */
const INTENTS_AT_ONCE = 500;

export interface SameCall {
  readonly ref: AttemptRef;
  readonly agent: string;
  readonly status: AttemptStatus;
  /** Ledger's clock. */
  readonly receivedAtMs: number;
}

/** An attempt whose call was made again, or before. */
export interface RepeatedAttempt extends SameCall {
  readonly tool: string;
  readonly reversibility: Reversibility;
  /** Of other actions, nearest first, at most SAME_MAX. */
  readonly same: readonly SameCall[];
}

export interface ProbableRepeats {
  /** In the order of the question. */
  readonly attempts: readonly RepeatedAttempt[];
  /** Attempts that were compared: compensable, irreversible or undeclared ones that were not denied. */
  readonly compared: number;
  /** Further such attempts of which the record does not say with what they were called. */
  readonly incomparable: number;
  /** There are more such attempts than one question compares. */
  readonly more: boolean;
}

/** What a question asks about: attempts, or those that a plan selects, first those that it leaves. */
export type RepeatQuestion = { readonly refs: readonly AttemptRef[] } | { readonly plan: string };

export interface RepeatOptions {
  /** Milliseconds since 1970, UTC: distinguishes `open` from `unknown`. */
  readonly nowMs: number;
  /** Aborted when the caller is gone: ends the query. */
  readonly signal?: AbortSignal;
}

const REFS =
  'SELECT source, action, attempt, n FROM unnest($2::text[], $3::uuid[], $4::int[]) WITH ORDINALITY AS u (source, action, attempt, n)';
const OF_PLAN = `SELECT r ->> 'source' AS source, (r ->> 'action')::uuid AS action, (r ->> 'attempt')::int AS attempt, row_number() OVER () AS n
  FROM (SELECT CASE list WHEN 'left' THEN head::jsonb -> 'ref' ELSE head::jsonb -> 'undoes' END AS r FROM recant.plan_item
    WHERE tenant_id = $1 AND plan_id = $2 AND list IN ('left', 'steps') ORDER BY list, n LIMIT ${SEARCHED_MAX}) i`;
/** Retries of one action and inverses count as calls near it, so that a question reads no more than its bound. */
const nearest = (side: 'before' | 'after'): string => {
  const [range, order, most] =
    side === 'before'
      ? [`b.received_at BETWEEN k.received_at - interval '${REPEAT_MS_MAX} ms' AND k.received_at`, 'DESC', REPEAT_CALLS_MAX + 1]
      : [`b.received_at > k.received_at AND b.received_at <= k.received_at + interval '${REPEAT_MS_MAX} ms'`, 'ASC', REPEAT_CALLS_MAX];
  return `(SELECT b.source_no, b.action, b.attempt, b.shard, b.idx, b.inverts_run FROM recant.attempt b
    WHERE b.tenant_id = $1 AND b.tool = k.tool AND ${range} ORDER BY b.received_at ${order} LIMIT ${most})`;
};
/** One row for each attempt that is asked about and each call near it, and one for each without any. By the index of tenant, tool and time. */
const NEAR = (asked: string): string => `WITH k AS MATERIALIZED (
    SELECT u.n, u.source, a.action, a.attempt, a.shard, a.idx, a.tool, a.received_at FROM (${asked}) u
      JOIN recant.source s ON s.tenant_id = $1 AND s.source = u.source
      JOIN recant.attempt a ON a.tenant_id = $1 AND a.action = u.action AND a.attempt = u.attempt AND a.source_no = s.source_no
    WHERE a.reversibility IN ('compensable', 'irreversible', 'unknown') AND a.inverts_run IS NULL ORDER BY u.n LIMIT ${REPEAT_ATTEMPTS_MAX + 1})
  SELECT k.source, k.action, k.attempt, k.shard, k.idx::text, s.source AS near_source, b.action AS near_action, b.attempt AS near_attempt, b.shard AS near_shard,
    b.idx::text AS near_idx
  FROM k LEFT JOIN LATERAL (${nearest('before')} UNION ALL ${nearest('after')}) b ON b.action <> k.action AND b.inverts_run IS NULL
    LEFT JOIN recant.source s ON s.tenant_id = $1 AND s.source_no = b.source_no
  ORDER BY k.n`;

/** Undefined: the tenant has no such plan. */
export async function readRepeats(
  pool: pg.Pool,
  tenant: string,
  question: RepeatQuestion,
  options: RepeatOptions,
): Promise<ProbableRepeats | undefined> {
  const pairs = await asReader(pool, tenant, (client) => readNear(client, tenant, question), options.signal);
  if (pairs === undefined) return undefined;
  const { asked, near } = pairs;
  const some = asked.slice(0, REPEAT_ATTEMPTS_MAX);
  const keys = await readKeys(pool, tenant, [...some, ...some.flatMap((one) => near.get(one.key) ?? [])], options.signal);
  const candidates = some.map((one) => {
    const key = keys.get(one.key);
    return {
      one,
      isComparable: key !== undefined,
      same: key === undefined ? [] : (near.get(one.key) ?? []).filter((call) => keys.get(call.key) === key),
    };
  });
  const known = await readStates(
    pool,
    tenant,
    candidates.flatMap(({ one, same }) => [one, ...same]),
    options,
  );
  const permitted = (call: Call) => known.has(call.key) && known.get(call.key)?.status !== 'denied';
  const compared = candidates.filter(({ one }) => permitted(one));
  return {
    attempts: compared.flatMap(({ one, same }) => {
      const calls = same.filter(permitted).map(({ key }) => known.get(key) as State);
      return calls.length === 0 ? [] : [repeated(known.get(one.key) as State, calls)];
    }),
    compared: compared.filter(({ isComparable }) => isComparable).length,
    incomparable: compared.filter(({ isComparable }) => !isComparable).length,
    more: asked.length > REPEAT_ATTEMPTS_MAX || pairs.isCut,
  };
}

function repeated(attempt: State, calls: readonly State[]): RepeatedAttempt {
  const gapMs = ({ receivedAtMs }: State) => Math.abs(receivedAtMs - attempt.receivedAtMs);
  const { tool, reversibility } = attempt;
  return {
    ...callOf(attempt),
    tool,
    reversibility,
    same: calls
      .toSorted((a, b) => gapMs(a) - gapMs(b))
      .slice(0, SAME_MAX)
      .map(callOf),
  };
}

const callOf = ({ ref, agent, status, receivedAtMs }: State): SameCall => ({ ref, agent, status, receivedAtMs });

interface Call {
  readonly key: string;
  readonly ref: AttemptRef;
  readonly entry: EntryAddress;
}

interface Near {
  readonly asked: readonly Call[];
  /** By the key of an attempt that is asked about. */
  readonly near: ReadonlyMap<string, readonly Call[]>;
  /** Not every attempt of the plan was searched. */
  readonly isCut: boolean;
}

async function readNear(client: pg.PoolClient, tenant: string, question: RepeatQuestion): Promise<Near | undefined> {
  let isCut = false;
  let result: { readonly rows: readonly AttemptSqlRow[] };
  if ('plan' in question) {
    const [row] = (await client.query<{ searched: number }>(COUNT, [tenant, question.plan])).rows;
    if (!row) return undefined;
    isCut = row.searched > SEARCHED_MAX;
    result = await client.query<AttemptSqlRow>(NEAR(OF_PLAN), [tenant, question.plan]);
  } else {
    const { refs } = question;
    const columns = [refs.map(({ source }) => source), refs.map(({ action }) => action), refs.map(({ attempt }) => attempt)];
    result = await client.query<AttemptSqlRow>(NEAR(REFS), [tenant, ...columns]);
  }
  const asked = new Map<string, Call>();
  const near = new Map<string, Call[]>();
  for (const row of result.rows) {
    const one = callIn(row, '');
    asked.set(one.key, one);
    if (row['near_action'] !== null) near.set(one.key, [...(near.get(one.key) ?? []), callIn(row, 'near_')]);
  }
  return { asked: [...asked.values()], near, isCut };
}

const COUNT = `SELECT (SELECT count(*)::int FROM recant.plan_item i WHERE i.tenant_id = p.tenant_id AND i.plan_id = p.id AND i.list IN ('left', 'steps')) AS searched
  FROM recant.plan p WHERE p.tenant_id = $1 AND p.id = $2`;

function callIn(row: AttemptSqlRow, prefix: '' | 'near_'): Call {
  const at = (column: string) => row[`${prefix}${column}`];
  const ref = { source: at('source') as string, action: at('action') as string, attempt: at('attempt') as number };
  return { key: refKey(ref), ref, entry: { shard: at('shard') as number, index: BigInt(at('idx') as string) } };
}

/** What each was called with, from its entry, by key; absent where two calls cannot be told apart. */
async function readKeys(pool: pg.Pool, tenant: string, calls: readonly Call[], signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const each = [...new Map(calls.map((call) => [call.key, call])).values()];
  const keys = new Map<string, string>();
  for (let from = 0; from < each.length; from += INTENTS_AT_ONCE) {
    signal?.throwIfAborted();
    const some = each.slice(from, from + INTENTS_AT_ONCE);
    const addresses = some.map(({ entry }) => entry);
    const intents = await inTurn(pool, tenant, () => readIntents(pool, tenant, addresses));
    for (const [n, { data }] of intents) {
      const key = sameCallKey(data);
      if (key !== undefined) keys.set((some[n] as Call).key, key);
    }
  }
  return keys;
}

/** As of now. By primary keys: 12,000 calls in 0.3 s among 400,000 attempts (2026-12). */
const STATES = `SELECT k.source, a.action, a.attempt, a.agent, a.tool, a.reversibility, ${msOf('a.received_at')}::float8 AS received_ms, ${statusExpression('$5')} AS status
  FROM unnest($2::text[], $3::uuid[], $4::int[]) AS k (source, action, attempt)
    JOIN recant.source src ON src.tenant_id = $1 AND src.source = k.source
    CROSS JOIN LATERAL (SELECT *, false AS by_login FROM recant.attempt
      WHERE tenant_id = $1 AND action = k.action AND attempt = k.attempt AND source_no = src.source_no OFFSET 0) a
    LEFT JOIN LATERAL (SELECT outcome FROM recant.settlement
      WHERE tenant_id = $1 AND action = k.action AND attempt = k.attempt AND source_no = src.source_no ORDER BY shard, idx LIMIT 1) s ON true
    LEFT JOIN LATERAL (SELECT outcome FROM recant.ruling
      WHERE tenant_id = $1 AND action = k.action AND attempt = k.attempt AND source = k.source ORDER BY ruled_at DESC LIMIT 1) r ON true`;

type State = Omit<RepeatedAttempt, 'same'>;
interface StateRow extends Omit<State, 'ref' | 'receivedAtMs'>, AttemptRef {
  readonly received_ms: number;
}

async function readStates(
  pool: pg.Pool,
  tenant: string,
  calls: readonly Call[],
  { nowMs, signal }: RepeatOptions,
): Promise<ReadonlyMap<string, State>> {
  const refs = [...new Map(calls.map((call) => [call.key, call.ref])).values()];
  if (refs.length === 0) return new Map();
  const values = [tenant, refs.map(({ source }) => source), refs.map(({ action }) => action), refs.map(({ attempt }) => attempt), nowMs];
  const { rows } = await asReader(pool, tenant, (client) => client.query<StateRow>(STATES, values), signal);
  return new Map(
    rows.map(({ source, action, attempt, received_ms: receivedAtMs, ...state }) => {
      const ref = { source, action, attempt };
      return [refKey(ref), { ref, ...state, receivedAtMs }];
    }),
  );
}
