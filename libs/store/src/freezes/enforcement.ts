import type pg from 'pg';
import type { FreezeNews } from './news.ts';

/** A freeze that registered systems enforce themselves, for the rollback service to carry out. */
export interface EnforcedFreeze {
  readonly id: string;
  /** Undefined: every agent. */
  readonly agent?: string;
  /** The agent's newest sources, at most SOURCES_MAX. */
  readonly sources: readonly string[];
  readonly reason: string;
  readonly expiresAtMs?: number;
}

/** What a system says of a freeze. The scopes principal, session and tool are known to recorders only. */
export interface SystemStanding {
  readonly effective: boolean;
  readonly logins: readonly string[];
  readonly open: readonly {
    readonly login: string;
    readonly agent: string;
    readonly pid?: number;
    readonly gid?: string;
    readonly ageMs?: number;
  }[];
  readonly unfrozen: { readonly count: number; readonly shown: readonly string[] };
  /** Why it is not effective there. */
  readonly problem?: string;
}

export interface SystemFreeze extends Omit<SystemStanding, 'effective'> {
  readonly system: string;
  /** Milliseconds since 1970, UTC. */
  readonly effectiveAtMs?: number;
}

export interface Enforcement {
  /** Freezes in force that systems enforce, oldest first. */
  enforced(tenant: string): Promise<readonly EnforcedFreeze[]>;
  /** Keeps the first time at which the system was effective. */
  note(tenant: string, freeze: string, system: string, standing: SystemStanding): Promise<void>;
  /** One for each registered system that enforces freezes; a system that has not answered yet has no logins and a `problem`. */
  standings(tenant: string, freeze: string): Promise<readonly SystemFreeze[]>;
}

const SOURCES_MAX = 1_000;

/** A scope that systems know. */
export const ENFORCED = `f.scope IN ('agent', 'tenant')`;
const ENFORCED_SQL = `SELECT f.id, nullif(f.value, '') AS agent, f.reason, f.expires_at, CASE WHEN f.scope = 'agent' THEN ARRAY(SELECT s.source FROM recant.source s
    WHERE s.tenant_id = f.tenant_id AND s.agent = f.value ORDER BY s.source_no DESC LIMIT ${SOURCES_MAX}) ELSE '{}' END AS sources
  FROM recant.freeze f WHERE f.tenant_id = $1 AND ${ENFORCED} AND f.ended_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > clock_timestamp()) ORDER BY f.version`;
const NOTE = `INSERT INTO recant.freeze_system AS s (tenant_id, freeze_id, system, effective_at, standing, seen_at)
  VALUES ($1, $2::uuid, $3, CASE WHEN $4 THEN clock_timestamp() END, $5, clock_timestamp())
  ON CONFLICT (tenant_id, freeze_id, system) DO UPDATE SET standing = EXCLUDED.standing, seen_at = EXCLUDED.seen_at, effective_at = coalesce(s.effective_at, EXCLUDED.effective_at)`;
/** The freeze `f` waits for this system `y`. */
export const SYSTEM_WAITING = `recant.system y WHERE y.tenant_id = f.tenant_id AND y.freezes AND ${ENFORCED}
  AND NOT EXISTS (SELECT FROM recant.freeze_system s WHERE s.tenant_id = f.tenant_id AND s.freeze_id = f.id AND s.system = y.name AND s.effective_at IS NOT NULL)`;
const STANDINGS = `SELECT y.name AS system, s.effective_at, s.standing FROM recant.freeze f JOIN recant.system y ON y.tenant_id = f.tenant_id AND y.freezes AND ${ENFORCED}
  LEFT JOIN recant.freeze_system s ON s.tenant_id = f.tenant_id AND s.freeze_id = f.id AND s.system = y.name
  WHERE f.tenant_id = $1 AND f.id = $2::uuid ORDER BY y.name`;

const NOT_ANSWERED: Omit<SystemStanding, 'effective'> = {
  logins: [],
  open: [],
  unfrozen: { count: 0, shown: [] },
  problem: 'The rollback service has not set the freeze there yet.',
};

export function createEnforcement(pool: pg.Pool, news: FreezeNews): Enforcement {
  return {
    async enforced(tenant) {
      const { rows } = await pool.query<{ id: string; agent: string | null; reason: string; expires_at: Date | null; sources: string[] }>(
        ENFORCED_SQL,
        [tenant],
      );
      return rows.map(({ id, agent, reason, expires_at, sources }) => ({
        ...{ id, reason, sources },
        ...(agent === null ? {} : { agent }),
        ...(expires_at && { expiresAtMs: expires_at.getTime() }),
      }));
    },
    async note(tenant, freeze, system, { effective, ...standing }) {
      await pool.query(NOTE, [tenant, freeze, system, effective, standing]);
      news.tell(tenant, 'answered');
    },
    async standings(tenant, freeze) {
      type Row = { system: string; effective_at: Date | null; standing: Omit<SystemStanding, 'effective'> | null };
      const { rows } = await pool.query<Row>(STANDINGS, [tenant, freeze]);
      return rows.map(({ system, effective_at, standing }) => ({
        system,
        ...(standing ?? NOT_ANSWERED),
        ...(effective_at && { effectiveAtMs: effective_at.getTime() }),
      }));
    },
  };
}
