import type pg from 'pg';
import { createFreshReads } from '../access/fresh-reads.ts';
import { StoreError } from '../error.ts';
import type { FreezeNews } from './news.ts';

export type FreezeScope = 'agent' | 'principal' | 'session' | 'tool' | 'tenant';

/** A freeze as a recorder has to obey it. */
export interface FreezeRule {
  readonly id: string;
  readonly scope: FreezeScope;
  /** Empty for the scope `tenant`. */
  readonly value: string;
  readonly reason: string;
  readonly by: string;
  readonly orderedAtMs: number;
  readonly expiresAtMs?: number;
}

export interface LeaseRequest {
  readonly source: string;
  readonly agent: string;
  /** Version of the freezes that the recorder obeys. */
  readonly applied: number;
  /** Whether its intents are not answered, so that it has to know which calls may be fenced. */
  readonly fences?: boolean | undefined;
}

export interface LeaseAnswer {
  /** Of the freezes in this answer. */
  readonly version: number;
  /** False if the recorder does not obey this version yet: it has to apply `freezes` and ask again. An earlier lease then runs out. */
  readonly granted: boolean;
  readonly freezes: readonly FreezeRule[];
  /** Starts of the keys of fenced calls, if they were asked for and changed: a recorder asks about a call whose key is among them. */
  readonly fences?: readonly string[];
}

export interface Leases {
  /**
   * Permits new actions for the length of a lease from now. A freeze is ordered before the grant, which then knows it, or after it, and then waits for the
   * recorder or for the end of the lease. Renewing is idempotent. Requests of a tenant that come during a statement share the next one.
   */
  grant(tenant: string, request: LeaseRequest): Promise<LeaseAnswer>;
  /** What a recorder has to obey now; grants nothing. Shared likewise. */
  learn(tenant: string, request: LeaseRequest): Promise<LeaseAnswer>;
  /** Versions of these tenants; one statement. A tenant without freezes and leases is missing. */
  versions(tenants: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Deletes leases that ended a day ago. */
  forgetLeases(): Promise<void>;
}

/** The first lease of a tenant makes the row that grants and freezes lock. */
const ENSURE_VERSION = 'INSERT INTO recant.freeze_version (tenant_id, version) VALUES ($1, 0) ON CONFLICT DO NOTHING';
/**
 * The clock is read after the lock is granted. The version is of the locked row; the list of freezes is read by another statement, so that it is at least
 * as new. Of requests of one source, the one that obeys the least counts. `is_new`: a recorder obeys a version for the first time.
 */
const GRANT = `WITH v AS MATERIALIZED (SELECT version FROM recant.freeze_version WHERE tenant_id = $1 FOR SHARE),
  t AS MATERIALIZED (SELECT version, date_trunc('milliseconds', clock_timestamp()) AS now FROM v),
  granted AS (INSERT INTO recant.lease AS l (tenant_id, source, agent, applied, applied_at, ends_at)
    SELECT DISTINCT ON (u.source) $1, u.source, u.agent, u.applied, t.now, t.now + $5::int * interval '1 millisecond'
    FROM t JOIN unnest($2::text[], $3::text[], $4::bigint[]) AS u (source, agent, applied) ON t.version <= u.applied ORDER BY u.source, u.applied
    ON CONFLICT (tenant_id, source) DO UPDATE SET agent = EXCLUDED.agent, applied = EXCLUDED.applied, ends_at = EXCLUDED.ends_at,
      applied_at = CASE WHEN l.applied = EXCLUDED.applied THEN l.applied_at ELSE EXCLUDED.applied_at END
    RETURNING l.applied_at = (SELECT now FROM t) AS is_new)
  SELECT version, coalesce((SELECT bool_or(is_new) FROM granted), false) AS is_new FROM v`;
/** Recorders that stopped. */
const FORGET = `DELETE FROM recant.lease WHERE ends_at < clock_timestamp() - interval '1 day'`;
const RULES = `SELECT id, scope, value, reason, ordered_by, ordered_at, expires_at FROM recant.freeze
  WHERE tenant_id = $1 AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AND (scope <> 'agent' OR value = ANY ($2::text[])) ORDER BY version`;
/** 64 bits: the ledger compares the whole key. */
const FENCES = `SELECT agent, left(encode(call_key, 'hex'), 16) AS key FROM recant.fence
  WHERE tenant_id = $1 AND ended_at IS NULL AND expires_at > clock_timestamp() AND (agent = '' OR agent = ANY ($2::text[]))`;
const VERSIONS = 'SELECT tenant_id, version FROM recant.freeze_version WHERE tenant_id = ANY ($1::text[])';

export interface RuleRow {
  readonly id: string;
  readonly scope: FreezeScope;
  readonly value: string;
  readonly reason: string;
  readonly ordered_by: string;
  readonly ordered_at: Date;
  readonly expires_at: Date | null;
}

/** @param leaseMs how long a lease permits new actions */
export function createLeases(pool: pg.Pool, leaseMs: number, news: FreezeNews): Leases {
  const versions = async (tenants: readonly string[]) => {
    const { rows } = await pool.query<{ tenant_id: string; version: string }>(VERSIONS, [tenants]);
    return new Map(rows.map(({ tenant_id, version }) => [tenant_id, Number(version)]));
  };
  const granting = eachTenant((tenant) => async (requests) => {
    const { version, isNew } = (await grant(pool, tenant, requests, leaseMs)) ?? (await firstGrant(pool, tenant, requests, leaseMs));
    // The freeze may wait for this alone.
    if (isNew) news.tell(tenant, 'answered');
    return answersOf(pool, tenant, requests, version, ({ applied }) => version <= applied);
  });
  const learning = eachTenant((tenant) => async (requests) => {
    const version = (await versions([tenant])).get(tenant) ?? 0;
    return answersOf(pool, tenant, requests, version, () => false);
  });
  return {
    grant: granting,
    learn: learning,
    versions,
    async forgetLeases() {
      await pool.query(FORGET);
    },
  };
}

type Answers = ReadonlyMap<LeaseRequest, LeaseAnswer>;

/** One statement at a time for each tenant, which answers all that came before it: a tenant whose row is locked delays no other. */
function eachTenant(readOf: (tenant: string) => (requests: readonly LeaseRequest[]) => Promise<Answers>): Leases['grant'] {
  const reads = new Map<string, (request: LeaseRequest) => Promise<LeaseAnswer | undefined>>();
  return async (tenant, request) => {
    const read = reads.get(tenant) ?? createFreshReads(readOf(tenant));
    reads.set(tenant, read);
    const answer = await read({ ...request });
    if (answer === undefined) throw new StoreError('store_unavailable', 'The database returned no answer for a lease.');
    return answer;
  };
}

async function grant(pool: pg.Pool, tenant: string, requests: readonly LeaseRequest[], leaseMs: number) {
  const column = <T>(value: (request: LeaseRequest) => T): T[] => requests.map(value);
  const columns = [column(({ source }) => source), column(({ agent }) => agent), column(({ applied }) => applied)];
  const { rows } = await pool.query<{ version: string; is_new: boolean }>(GRANT, [tenant, ...columns, leaseMs]);
  return rows[0] && { version: Number(rows[0].version), isNew: rows[0].is_new };
}

async function firstGrant(pool: pg.Pool, tenant: string, requests: readonly LeaseRequest[], leaseMs: number) {
  await pool.query(ENSURE_VERSION, [tenant]);
  const granted = await grant(pool, tenant, requests, leaseMs);
  if (granted === undefined) throw new StoreError('store_unavailable', 'The database returned no version of the freezes.');
  return granted;
}

/** @param version read before: the freezes are at least as new */
async function answersOf(
  pool: pg.Pool,
  tenant: string,
  requests: readonly LeaseRequest[],
  version: number,
  isGranted: (request: LeaseRequest) => boolean,
): Promise<Answers> {
  const rules = (await pool.query<RuleRow>(RULES, [tenant, agentsOf(requests)])).rows.map(ruleOf);
  const asking = new Set(requests.filter(({ fences, applied }) => fences && applied !== version));
  const fenced = asking.size === 0 ? [] : (await pool.query<{ agent: string; key: string }>(FENCES, [tenant, agentsOf([...asking])])).rows;
  const answer = (request: LeaseRequest): LeaseAnswer => ({
    version,
    granted: isGranted(request),
    freezes: rules.filter(({ scope, value }) => scope !== 'agent' || value === request.agent),
    ...(asking.has(request) && { fences: fenced.filter(({ agent }) => ['', request.agent].includes(agent)).map(({ key }) => key) }),
  });
  return new Map(requests.map((request) => [request, answer(request)]));
}

const agentsOf = (requests: readonly LeaseRequest[]): string[] => [...new Set(requests.map(({ agent }) => agent))];

export function ruleOf({ id, scope, value, reason, ordered_by, ordered_at, expires_at }: RuleRow): FreezeRule {
  return {
    id,
    scope,
    value,
    reason,
    by: ordered_by,
    orderedAtMs: ordered_at.getTime(),
    ...(expires_at && { expiresAtMs: expires_at.getTime() }),
  };
}
