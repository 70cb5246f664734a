import type pg from 'pg';
import { asReader } from '../access/as-reader.ts';

/** Images of an erased subject in one system. */
export interface Erasure {
  readonly subject: string;
  readonly system: string;
  /** Milliseconds since 1970, UTC. */
  readonly requestedAtMs: number;
  /** Undefined: something may be left, and is tried again. */
  readonly doneAtMs?: number;
  readonly tries: number;
  /** Captured changes whose images were erased. */
  readonly changes: number;
  /** Transactions of the target whose end is awaited; undefined: it was not asked yet. */
  readonly waiting?: readonly string[];
  /** What was not reached, and why. */
  readonly remains: readonly string[];
}

export interface ErasureReport extends Pick<Erasure, 'changes' | 'remains' | 'waiting'> {
  /** Milliseconds since 1970, UTC, of the next try; undefined: there is nothing more to do. */
  readonly nextAtMs?: number;
}

/** Erasures by tenant, subject and system. Read-after-write. A request is durable before anything is erased, and is tried until nothing is left. */
export interface Erasures {
  /** Requests the erasure in these systems, also where an earlier one is done. */
  request(tenant: string, subject: string, systems: readonly string[], nowMs: number): Promise<void>;
  of(tenant: string, subject: string): Promise<readonly Erasure[]>;
  /** Those that are not done, first those that are due first. */
  pending(tenant: string, limit: number): Promise<readonly (Erasure & { readonly nextAtMs: number })[]>;
  /** Adds what one try did. A request made since the try began is not ended by it. */
  report(
    tenant: string,
    erasure: Pick<Erasure, 'subject' | 'system' | 'requestedAtMs'>,
    report: ErasureReport,
    nowMs: number,
  ): Promise<void>;
  /** Tries pending erasures of a system now: it may be reachable, or assign more tables. */
  hurry(tenant: string, system: string, nowMs: number): Promise<void>;
}

const REQUEST = `INSERT INTO recant.erasure (tenant_id, subject, system, requested_at, next_at)
  SELECT $1, $2, u.system, $4, $4 FROM unnest($3::text[]) u(system)
  ON CONFLICT (tenant_id, subject, system) DO UPDATE SET requested_at = EXCLUDED.requested_at, next_at = EXCLUDED.next_at, done_at = NULL, tries = 0, waiting = NULL, remains = '{}'`;
const COLUMNS = 'subject, system, requested_at, done_at, next_at, tries, changes, waiting, remains';
const OF = `SELECT ${COLUMNS} FROM recant.erasure WHERE tenant_id = $1 AND subject = $2 ORDER BY system`;
const PENDING = `SELECT ${COLUMNS} FROM recant.erasure WHERE tenant_id = $1 AND done_at IS NULL ORDER BY next_at, subject, system LIMIT $2`;
const REPORT = `UPDATE recant.erasure SET changes = changes + $5, remains = $6::text[], waiting = $7::text[], tries = tries + 1,
    next_at = coalesce($8::timestamptz, next_at), done_at = CASE WHEN $8::timestamptz IS NULL THEN $9::timestamptz END
  WHERE tenant_id = $1 AND subject = $2 AND system = $3 AND requested_at = $4 AND done_at IS NULL`;
const HURRY = 'UPDATE recant.erasure SET next_at = $3 WHERE tenant_id = $1 AND system = $2 AND done_at IS NULL AND next_at > $3';

export function createErasures(pool: pg.Pool): Erasures {
  return {
    async request(tenant, subject, systems, nowMs) {
      await pool.query(REQUEST, [tenant, subject, systems, new Date(nowMs)]);
    },
    async of(tenant, subject) {
      const { rows } = await asReader(pool, tenant, (client) => client.query<Row>(OF, [tenant, subject]));
      return rows.map(toErasure);
    },
    async pending(tenant, limit) {
      const { rows } = await pool.query<Row>(PENDING, [tenant, limit]);
      return rows.map((row) => ({ ...toErasure(row), nextAtMs: row.next_at.getTime() }));
    },
    async report(tenant, { subject, system, requestedAtMs }, { changes, remains, waiting, nextAtMs }, nowMs) {
      const next = nextAtMs === undefined ? null : new Date(nextAtMs);
      await pool.query(REPORT, [
        tenant,
        subject,
        system,
        new Date(requestedAtMs),
        changes,
        remains,
        waiting ?? null,
        next,
        new Date(nowMs),
      ]);
    },
    async hurry(tenant, system, nowMs) {
      await pool.query(HURRY, [tenant, system, new Date(nowMs)]);
    },
  };
}

interface Row {
  readonly subject: string;
  readonly system: string;
  readonly requested_at: Date;
  readonly done_at: Date | null;
  readonly next_at: Date;
  readonly tries: number;
  readonly changes: string;
  readonly waiting: string[] | null;
  readonly remains: string[];
}

const toErasure = (row: Row): Erasure => ({
  subject: row.subject,
  system: row.system,
  requestedAtMs: row.requested_at.getTime(),
  ...(row.done_at === null ? {} : { doneAtMs: row.done_at.getTime() }),
  tries: row.tries,
  changes: Number(row.changes),
  ...(row.waiting === null ? {} : { waiting: row.waiting }),
  remains: row.remains,
});
