import { OPEN_MS_MAX } from '@recant/ledger';
import type { Selection, Vector } from '@recant/planner';

/** Collects the parameters of one statement. */
export class Parameters {
  readonly values: unknown[] = [];
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/**
 * Attempts with an intent, and transactions that stand for an attempt without one (`stands`). Each arm is one table without
 * conditions, which lets the conditions of a question reach its indexes.
 */
const ATTEMPTS = `(SELECT tenant_id, action, attempt, shard, idx, sequence, agent, tool, session, trace, reversibility, key_id,
    intended_at, received_at, deadline_at, inverts_source, inverts_action, inverts_attempt, inverts_run, inverts_step, source_no,
    NULL::text COLLATE "C" AS named_source, NULL::text COLLATE "C" AS login, NULL::text COLLATE "C" AS system, NULL::text COLLATE "C" AS transaction,
    false AS by_login, 0 AS chunk
  FROM recant.attempt
  UNION ALL SELECT tenant_id, action, attempt, shard, idx, sequence, agent, 'transaction'::text COLLATE "C", NULL::text COLLATE "C", NULL::bytea,
    'reversible'::text, key_id, observed_at, received_at, observed_at, NULL::text, NULL::uuid, NULL::integer, NULL::text COLLATE "C", NULL::integer,
    CASE WHEN named THEN NULL::bigint ELSE source_no END, CASE WHEN named THEN source END, login, system, transaction, NOT named, chunk
  FROM recant.observed)`;

/** Source of the attempt `a`. */
export const SOURCE = 'coalesce(a.named_source, src.source)';

/** One row per attempt, with its first settlement below the vector. Uses index ranges led by tenant; 100,000 attempts of one window in 0.9 s (2026-11). */
export function attemptColumns(vector: string, nowMs: string): string {
  return `a.action, a.attempt, a.shard, a.idx, a.sequence, a.agent, a.tool, a.session, encode(a.trace, 'hex') AS trace, a.reversibility, a.key_id,
  a.inverts_source, a.inverts_action, a.inverts_attempt, a.inverts_run, a.inverts_step, ${SOURCE} AS source, a.login, a.system, a.transaction, a.by_login,
  ${msOf('a.intended_at')} AS intended_ms, ${msOf('a.received_at')} AS received_ms, ${msOf('a.deadline_at')} AS deadline_ms,
  s.outcome, s.chunks, s.effects, s.digest, ${msOf('s.settled_at')} AS settled_ms, s.duration_ms,
  ${statusExpression(nowMs)} AS status, r.outcome AS ruled, r.reason AS ruled_reason, r.ruled_by, ${msOf('r.ruled_at')} AS ruled_ms,
  ${reportedExpression(nowMs)} AS reported
  FROM ${ATTEMPTS} a
  LEFT JOIN recant.source src ON src.tenant_id = a.tenant_id AND src.source_no = a.source_no
  LEFT JOIN LATERAL (
    SELECT outcome, chunks, effects, encode(digest, 'hex') AS digest, settled_at, duration_ms
    FROM recant.settlement WHERE tenant_id = a.tenant_id AND action = a.action AND attempt = a.attempt
      AND source_no = coalesce(a.source_no, (SELECT n.source_no FROM recant.source n WHERE n.tenant_id = a.tenant_id AND n.source = a.named_source))
      AND ${within('shard', 'idx', vector)}
    ORDER BY shard, idx LIMIT 1
  ) s ON true
  LEFT JOIN LATERAL (
    SELECT outcome, reason, ruled_by, ruled_at FROM recant.ruling
    WHERE tenant_id = a.tenant_id AND action = a.action AND attempt = a.attempt AND source = ${SOURCE} ORDER BY ruled_at DESC LIMIT 1
  ) r ON true`;
}

/** The attempt's entry is below the vector, and an observed transaction is the first of an attempt whose intent is not recorded. */
export function stands(vector: string): string {
  const earlier = `SELECT false FROM recant.observed p WHERE p.tenant_id = a.tenant_id AND p.action = a.action AND p.attempt = a.attempt
    AND p.source = ${SOURCE} AND p.chunk = 0 AND p.agent IS NOT NULL AND (p.shard, p.idx) < (a.shard, a.idx) AND ${within('p.shard', 'p.idx', vector)}`;
  const intent = `SELECT false FROM recant.attempt i JOIN recant.source n ON n.tenant_id = i.tenant_id AND n.source_no = i.source_no
    WHERE i.tenant_id = a.tenant_id AND i.action = a.action AND i.attempt = a.attempt AND n.source = a.named_source
    AND ${within('i.shard', 'i.idx', vector)}`;
  return `${within('a.shard', 'a.idx', vector)} AND a.chunk = 0 AND a.agent IS NOT NULL
    AND (a.login IS NULL OR ${none(earlier)} AND (a.by_login OR ${none(intent)}))`;
}

/** A scalar, because NOT EXISTS may be answered by hashing a whole table. */
function none(rows: string): string {
  return `coalesce((${rows} LIMIT 1), true)`;
}

/** Status of the attempt `a` with its settlement `s` and ruling `r`. Same rule as `ruledStatus` in libs/ledger. */
export function statusExpression(nowMs: string): string {
  const reported = reportedExpression(nowMs);
  return `CASE WHEN r.outcome IS NULL OR ${reported} = r.outcome THEN ${reported} WHEN ${reported} IN ('unknown', 'open') THEN r.outcome ELSE 'unknown' END`;
}

/** Same rule as `createAttemptFold` in libs/ledger, on projected rows. */
function reportedExpression(nowMs: string): string {
  return `CASE WHEN a.by_login THEN 'succeeded' WHEN s.outcome IS NOT NULL THEN s.outcome
    WHEN least(${msOf('a.deadline_at')}, ${msOf('a.received_at')} + ${OPEN_MS_MAX}) <= ${nowMs}::bigint THEN 'unknown' ELSE 'open' END`;
}

export function msOf(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000)::bigint`;
}

/** True for entries below the vector. A shard missing from the vector has no visible entries. */
export function within(shard: string, idx: string, vector: string): string {
  return `${idx} < (${vector}::bigint[])[${shard} + 1]`;
}

/** Sizes by shard as an array parameter; 0 for shards missing from the vector. */
export function vectorArray(vector: Vector): string[] {
  const shards = Object.keys(vector).map(Number);
  const sizes: string[] = new Array(Math.max(-1, ...shards) + 1).fill('0');
  for (const shard of shards) sizes[shard] = String(vector[shard]);
  return sizes;
}

/** Conditions of a selection, to be joined with AND. @param vector parameter from `vectorArray` */
export function selectionConditions(tenant: string, selection: Selection, vector: string, nowMs: string, parameters: Parameters): string[] {
  const conditions = [`a.tenant_id = ${tenant}`, stands(vector)];
  const anyOf = (column: string, values: readonly string[] | undefined, type = 'text') => {
    if (values !== undefined) conditions.push(`${column} = ANY (${parameters.add(values)}::${type}[])`);
  };
  anyOf('a.agent', selection.agents);
  anyOf('a.session', selection.sessions);
  anyOf('a.tool', selection.tools);
  anyOf('a.inverts_run', selection.runs);
  anyOf('a.action', selection.actions?.filter(isUuid), 'uuid');
  anyOf(
    'a.trace',
    selection.traces?.filter(isHex).map((trace) => `\\x${trace}`),
    'bytea',
  );
  if (selection.outcomes !== undefined) conditions.push(`${statusExpression(nowMs)} = ANY (${parameters.add(selection.outcomes)}::text[])`);
  if (selection.resources !== undefined) conditions.push(touches(tenant, selection.resources, vector, parameters));
  const column = selection.clock === 'claimed' ? 'a.intended_at' : 'a.received_at';
  if (selection.fromMs !== undefined) conditions.push(`${column} >= to_timestamp(${parameters.add(selection.fromMs)}::bigint / 1000.0)`);
  if (selection.toMs !== undefined) conditions.push(`${column} < to_timestamp(${parameters.add(selection.toMs)}::bigint / 1000.0)`);
  return conditions;
}

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
const isHex = (text: string): boolean => /^([0-9a-f]{2})+$/i.test(text);

/** True for attempts that declared, read or wrote one of the resources. Resources are ASCII, so a prefix is a range up to the largest character. */
function touches(tenant: string, patterns: readonly string[], vector: string, parameters: Parameters): string {
  const matches = patterns.map((pattern) => {
    if (!pattern.endsWith('*')) return `e.resource = ${parameters.add(pattern)}`;
    const prefix = pattern.slice(0, -1);
    return `(e.resource >= ${parameters.add(prefix)} AND e.resource < ${parameters.add(`${prefix}\u{10ffff}`)})`;
  });
  return `(a.action, a.attempt, ${SOURCE}) IN (SELECT e.action, e.attempt, coalesce(o.source, n.source) FROM recant.effect e
    JOIN recant.source n ON n.tenant_id = e.tenant_id AND n.source_no = e.source_no
    LEFT JOIN recant.observed o ON (o.tenant_id, o.action, o.attempt, o.shard, o.idx) = (e.tenant_id, e.action, e.attempt, e.shard, e.idx)
    WHERE e.tenant_id = ${tenant} AND (${matches.length === 0 ? 'false' : matches.join(' OR ')}) AND ${within('e.shard', 'e.idx', vector)})`;
}
