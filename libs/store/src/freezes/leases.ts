import type pg from 'pg';

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
   * recorder or for the end of the lease. Renewing is idempotent.
   */
  grant(tenant: string, request: LeaseRequest): Promise<LeaseAnswer>;
  /** Versions of these tenants; one statement. A tenant without freezes and leases is missing. */
  versions(tenants: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Deletes leases that ended a day ago. */
  forgetLeases(): Promise<void>;
}

/** The first lease of a tenant makes the row that grants and freezes lock. */
const ENSURE_VERSION = 'INSERT INTO recant.freeze_version (tenant_id, version) VALUES ($1, 0) ON CONFLICT DO NOTHING';
/**
 * `clock_timestamp()` is read after the lock is granted. The version is of the locked row; the list of freezes is read by another statement, so that it
 * is at least as new.
 */
const GRANT = `WITH v AS MATERIALIZED (SELECT version FROM recant.freeze_version WHERE tenant_id = $1 FOR SHARE),
  granted AS (INSERT INTO recant.lease (tenant_id, source, agent, applied, granted_at)
    SELECT $1, $2, $3, $4, clock_timestamp() FROM v WHERE version <= $4
    ON CONFLICT (tenant_id, source) DO UPDATE SET agent = EXCLUDED.agent, applied = EXCLUDED.applied, granted_at = EXCLUDED.granted_at RETURNING 1)
  SELECT version, EXISTS (SELECT FROM granted) AS granted FROM v`;
/** Recorders that stopped. */
const FORGET = `DELETE FROM recant.lease WHERE granted_at < clock_timestamp() - interval '1 day'`;
const RULES = `SELECT id, scope, value, reason, ordered_by, ordered_at, expires_at FROM recant.freeze
  WHERE tenant_id = $1 AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AND (scope <> 'agent' OR value = $2) ORDER BY version`;
/** 64 bits: the ledger compares the whole key. */
const FENCES = `SELECT left(encode(call_key, 'hex'), 16) AS key FROM recant.fence WHERE tenant_id = $1 AND ended_at IS NULL AND expires_at > clock_timestamp() AND agent IN ('', $2)`;
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

export function createLeases(pool: pg.Pool): Leases {
  const grant = async (tenant: string, { source, agent, applied }: LeaseRequest) =>
    (await pool.query<{ version: string; granted: boolean }>(GRANT, [tenant, source, agent, applied])).rows[0];
  return {
    async grant(tenant, request) {
      let answer = await grant(tenant, request);
      if (answer === undefined) {
        await pool.query(ENSURE_VERSION, [tenant]);
        answer = await grant(tenant, request);
      }
      const { version, granted } = answer ?? { version: '0', granted: false };
      const rules = await pool.query<RuleRow>(RULES, [tenant, request.agent]);
      const lease = { version: Number(version), granted, freezes: rules.rows.map(ruleOf) };
      if (!request.fences || request.applied === lease.version) return lease;
      const { rows } = await pool.query<{ key: string }>(FENCES, [tenant, request.agent]);
      return { ...lease, fences: rows.map(({ key }) => key) };
    },
    async versions(tenants) {
      const { rows } = await pool.query<{ tenant_id: string; version: string }>(VERSIONS, [tenants]);
      return new Map(rows.map(({ tenant_id, version }) => [tenant_id, Number(version)]));
    },
    async forgetLeases() {
      await pool.query(FORGET);
    },
  };
}

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
