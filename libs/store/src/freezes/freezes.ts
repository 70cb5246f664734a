import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';
import { StoreError } from '../error.ts';
import { inTransaction } from '../in-transaction.ts';
import { instantCursor, instantPlaceOf } from '../query/instant-cursor.ts';
import { createEnforcement, type Enforcement, SYSTEM_WAITING, type SystemFreeze } from './enforcement.ts';
import { createLeases, type FreezeRule, type FreezeScope, type Leases, type RuleRow, ruleOf } from './leases.ts';
import type { FreezeNews } from './news.ts';
import { NEXT_VERSION } from './version.ts';

/** What starts no new actions. */
export interface FreezeTarget {
  readonly scope: FreezeScope;
  /** Exact name; empty for the scope `tenant`. */
  readonly value: string;
}

/** Times are milliseconds since 1970, UTC, by the database's clock. */
export interface FreezeRecord extends FreezeRule {
  /** No recorder with a lease starts a frozen action after this time, and no system that enforces freezes lets one take effect. */
  readonly effectiveAtMs?: number;
  /** `by` and `reason` are absent if the freeze expired. */
  readonly ended?: { readonly atMs: number; readonly by?: string; readonly reason?: string };
}

export interface FreezeOrder extends FreezeTarget {
  readonly reason: string;
  readonly by: string;
  readonly expiresAtMs?: number;
}

export interface FreezePage {
  readonly freezes: readonly FreezeRecord[];
  readonly next?: string;
}

/** Sources that a freeze depends on; at most SOURCES_SHOWN_MAX are named. */
export interface SourceCount {
  readonly count: number;
  readonly shown: readonly string[];
}

/** Whether a freeze is effective. */
export interface FreezeLook {
  readonly isEffective: boolean;
  readonly hasEnded: boolean;
  /** Milliseconds until the next lease ends that it waits for. */
  readonly leaseEndsMs?: number;
}

/** What stands between a freeze and its being effective. */
export interface FreezeProgress {
  readonly freeze: FreezeRecord;
  /** Recorders whose lease may still permit a frozen action. They answer, or their lease expires. */
  readonly waiting: SourceCount;
  /** Open sources of the scope that record without a lease: nothing stops them. */
  readonly unleased: SourceCount;
  /** Registered systems that refuse the writes of the frozen agent themselves. */
  readonly systems: readonly SystemFreeze[];
}

export interface Freezes extends Leases, Enforcement {
  /** How long a lease permits new actions, in milliseconds. */
  readonly leaseMs: number;
  readonly news: FreezeNews;
  /** Idempotent: a freeze of the same target that is in force is returned as it is. @throws StoreError `too_many` */
  order(tenant: string, order: FreezeOrder): Promise<FreezeRecord>;
  /** Marks a freeze effective if it is, with the moment since when; one statement. */
  look(tenant: string, id: string): Promise<FreezeLook | undefined>;
  /** Looks, and lists what the freeze waits for. */
  progress(tenant: string, id: string): Promise<FreezeProgress | undefined>;
  thaw(tenant: string, id: string, end: { readonly by: string; readonly reason: string }): Promise<FreezeRecord | 'unknown' | 'ended'>;
  /** Newest first. @throws StoreError `cursor_invalid` */
  list(tenant: string, query: { readonly limit: number; readonly inForce: boolean; readonly cursor?: string }): Promise<FreezePage>;
}

/** Freezes in force for one tenant. */
export const FREEZES_MAX = 1_000;

const COLUMNS = 'id, scope, value, reason, ordered_by, ordered_at, expires_at, effective_at, ended_at, ended_by, end_reason';
const IN_FORCE = 'ended_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())';
const EXPIRE = `UPDATE recant.freeze SET ended_at = expires_at WHERE tenant_id = $1 AND ended_at IS NULL AND expires_at <= clock_timestamp()`;
const COUNT = 'SELECT count(*)::int AS count FROM recant.freeze WHERE tenant_id = $1 AND ended_at IS NULL';
const ORDER = `INSERT INTO recant.freeze (tenant_id, version, scope, value, reason, ordered_by, ordered_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7) ON CONFLICT (tenant_id, scope, value) WHERE ended_at IS NULL DO NOTHING RETURNING ${COLUMNS}`;
const SAME = `SELECT ${COLUMNS} FROM recant.freeze WHERE tenant_id = $1 AND scope = $2 AND value = $3 AND ended_at IS NULL`;
const THAW = `UPDATE recant.freeze SET ended_at = clock_timestamp(), ended_by = $3, end_reason = $4
  WHERE tenant_id = $1 AND id = $2::uuid AND ${IN_FORCE} RETURNING ${COLUMNS}`;
const EXISTS = 'SELECT FROM recant.freeze WHERE tenant_id = $1 AND id = $2::uuid';
const LIST = `SELECT ${COLUMNS} FROM recant.freeze WHERE tenant_id = $1 AND (ordered_at, id) < ($2, $3::uuid) AND ($5 OR (${IN_FORCE}))
  ORDER BY ordered_at DESC, id DESC LIMIT $4`;

const ONE = `SELECT ${COLUMNS} FROM recant.freeze WHERE tenant_id = $1 AND id = $2::uuid`;
/** Leases that concern the freeze `f`. Only an agent is known of a lease; every recorder has to learn of any other scope. */
const CONCERNED = `recant.lease l WHERE l.tenant_id = f.tenant_id AND (f.scope <> 'agent' OR l.agent = f.value)`;
/** Those that may still permit its actions. */
const WAITING = `${CONCERNED} AND l.applied < f.version AND l.ends_at > clock_timestamp()`;
/**
 * The last moment at which a recorder began to obey, its lease ended or a system began to refuse. Where nobody looked while the freeze was new, recorders
 * that opened later count too: the moment is then later than the true one, never earlier.
 */
const EFFECTIVE_AT = `greatest(f.ordered_at, (SELECT max(CASE WHEN l.applied < f.version THEN l.ends_at ELSE l.applied_at END) FROM ${CONCERNED}),
  (SELECT max(s.effective_at) FROM recant.freeze_system s WHERE s.tenant_id = f.tenant_id AND s.freeze_id = f.id))`;
const LOOK = `WITH made AS (UPDATE recant.freeze f SET effective_at = ${EFFECTIVE_AT}
    WHERE tenant_id = $1 AND id = $2::uuid AND ended_at IS NULL AND effective_at IS NULL AND NOT EXISTS (SELECT FROM ${WAITING}) AND NOT EXISTS (SELECT FROM ${SYSTEM_WAITING})
    RETURNING effective_at)
  SELECT f.effective_at IS NOT NULL OR EXISTS (SELECT FROM made) AS is_effective, f.ended_at IS NOT NULL AS has_ended,
    (SELECT extract(epoch FROM min(l.ends_at) - clock_timestamp()) * 1000 FROM ${WAITING})::float8 AS lease_ends_ms
  FROM recant.freeze f WHERE f.tenant_id = $1 AND f.id = $2::uuid`;
/** Sources that are neither closed nor silent, and that never had a lease. */
const SOURCES = `SELECT ARRAY(SELECT l.source FROM ${WAITING} ORDER BY 1) AS waiting,
  ARRAY(SELECT s.source FROM recant.source_watch w JOIN recant.source s USING (tenant_id, source_no)
    WHERE w.tenant_id = f.tenant_id AND NOT w.closed AND NOT w.lost AND (f.scope <> 'agent' OR s.agent = f.value) AND s.agent <> 'recant'
      AND w.received_ms > extract(epoch FROM clock_timestamp()) * 1000 - coalesce(w.lease_ms, 300000)
      AND NOT EXISTS (SELECT FROM recant.lease l WHERE l.tenant_id = f.tenant_id AND l.source = s.source) ORDER BY 1) AS unleased
  FROM recant.freeze f WHERE f.tenant_id = $1 AND f.id = $2::uuid`;
const SOURCES_SHOWN_MAX = 20;

/** @param read connections for lists. @param leaseMs how long a lease permits new actions, in milliseconds */
export function createFreezes(pool: pg.Pool, read: pg.Pool, leaseMs: number, news: FreezeNews): Freezes {
  const leases = createLeases(pool, leaseMs, news);
  const enforcement = createEnforcement(pool, news);
  const look: Freezes['look'] = async (tenant, id) => {
    type Row = { is_effective: boolean; has_ended: boolean; lease_ends_ms: number | null };
    const [row] = (await pool.query<Row>(LOOK, [tenant, id])).rows;
    if (row === undefined) return undefined;
    const { is_effective: isEffective, has_ended: hasEnded, lease_ends_ms: leaseEndsMs } = row;
    return { isEffective, hasEnded, ...(leaseEndsMs !== null && { leaseEndsMs }) };
  };
  return {
    ...leases,
    ...enforcement,
    leaseMs,
    news,
    async order(tenant, { scope, value, reason, by, expiresAtMs }) {
      const ordered = await inTransaction(pool, async (client) => {
        const { version } = (await client.query<{ version: string }>(NEXT_VERSION, [tenant])).rows[0] as { version: string };
        await client.query(EXPIRE, [tenant]);
        const known = await client.query<FreezeSqlRow>(SAME, [tenant, scope, value]);
        if (known.rows[0] !== undefined) return recordOf(known.rows[0]);
        const { rows } = await client.query<{ count: number }>(COUNT, [tenant]);
        if ((rows[0]?.count ?? 0) >= FREEZES_MAX)
          throw new StoreError('too_many', `${FREEZES_MAX} freezes are in force; end some, or freeze the tenant.`);
        const expires = expiresAtMs === undefined ? null : new Date(expiresAtMs);
        return recordOf((await client.query<FreezeSqlRow>(ORDER, [tenant, version, scope, value, reason, by, expires])).rows[0]);
      });
      news.tell(tenant, 'changed');
      return ordered;
    },
    look,
    async progress(tenant, id) {
      if ((await look(tenant, id)) === undefined) return undefined;
      const freeze = (await pool.query<FreezeSqlRow>(ONE, [tenant, id])).rows[0];
      if (freeze === undefined) return undefined;
      const { rows } = await pool.query<{ waiting: string[]; unleased: string[] }>(SOURCES, [tenant, id]);
      const systems = await enforcement.standings(tenant, id);
      return { freeze: recordOf(freeze), waiting: countOf(rows[0]?.waiting), unleased: countOf(rows[0]?.unleased), systems };
    },
    async thaw(tenant, id, { by, reason }) {
      const thawed = await inTransaction(pool, async (client) => {
        await client.query(NEXT_VERSION, [tenant]);
        const { rows } = await client.query<FreezeSqlRow>(THAW, [tenant, id, by, reason]);
        if (rows[0] !== undefined) return recordOf(rows[0]);
        return (await client.query(EXISTS, [tenant, id])).rowCount === 0 ? 'unknown' : 'ended';
      });
      news.tell(tenant, 'changed');
      return thawed;
    },
    async list(tenant, { limit, inForce, cursor }) {
      const place = instantPlaceOf(cursor);
      const { rows } = await asReader(read, tenant, (client) => client.query<FreezeSqlRow>(LIST, [tenant, ...place, limit + 1, !inForce]));
      const freezes = rows.slice(0, limit).map(recordOf);
      const last = freezes.at(-1);
      return rows.length <= limit || last === undefined ? { freezes } : { freezes, next: instantCursor(last.orderedAtMs, last.id) };
    },
  };
}

interface FreezeSqlRow extends RuleRow {
  readonly effective_at: Date | null;
  readonly ended_at: Date | null;
  readonly ended_by: string | null;
  readonly end_reason: string | null;
}

function recordOf(row: FreezeSqlRow | undefined): FreezeRecord {
  if (row === undefined) throw new StoreError('store_unavailable', 'The database returned no row for a freeze.');
  const { effective_at, ended_at, ended_by, end_reason } = row;
  return {
    ...ruleOf(row),
    ...(effective_at && { effectiveAtMs: effective_at.getTime() }),
    ...(ended_at && {
      ended: {
        atMs: ended_at.getTime(),
        ...(ended_by === null ? {} : { by: ended_by }),
        ...(end_reason === null ? {} : { reason: end_reason }),
      },
    }),
  };
}

const countOf = (sources: readonly string[] = []): SourceCount => ({ count: sources.length, shown: sources.slice(0, SOURCES_SHOWN_MAX) });
