import { setTimeout as delay } from 'node:timers/promises';
import type { LogKey } from '@recant/ledger';
import type { Vector } from '@recant/planner';
import type pg from 'pg';
import { inTurn } from '../access/as-reader.ts';
import type { Failpoints } from '../append/failpoint.ts';
import { logKeyOf } from '../append/lock-logs.ts';
import { isLockTimeout } from '../append/sql-state.ts';
import { StoreError } from '../error.ts';
import { foldLog } from './fold-log.ts';
import { readPlaces } from './places.ts';
import { EntryFault } from './stopped.ts';

/**
 * Folds entries into read models (`recant.attempt`, `settlement`, `effect`, `observed`, `effect_count`). Idempotent; any process may call it, and each log is folded by one at a time.
 * A compromise allows false read models, which the verifier rebuilds and compares.
 */
export interface Projection {
  /**
   * Completes a tenant's read models up to the vector (default: the logs' sizes now), by folding entries or by waiting for the process that folds them. Costs one read where they are
   * complete. @returns what they are complete through
   * @throws StoreError `projection_behind` if that takes too long, or an entry cannot be folded
   */
  reach(tenant: string, vector?: Vector): Promise<Vector>;
  /** Folds what the logs of all tenants have, one transaction after the other. A log that stops does not stop the others. */
  catchUp(stopping: () => boolean): Promise<void>;
  /** Logs that were behind when this process's last `catchUp` began. */
  behind(): readonly LogLag[];
  /** Logs whose read models cannot pass an entry, as of this process's last try. */
  stopped(): readonly EntryFault[];
}

/** A log whose read models lacked entries. */
export interface LogLag extends LogKey {
  readonly entries: bigint;
  /** When the ledger received the first of them, in milliseconds since 1970, UTC. Undefined: the entry is missing. */
  readonly oldestMs: number | undefined;
}

export interface ProjectionOptions {
  readonly failpoints?: Failpoints | undefined;
  /** Milliseconds that one question waits. */
  readonly reachMs?: number | undefined;
}

const REACH_MS = 5_000;
/** Milliseconds after which a log that stopped is tried again. */
const STOPPED_MS = 5_000;
/** Logs that `catchUp` folds in parallel; each takes a connection. */
const LOGS_AT_ONCE = 2;

/** One index probe for a log that is complete, another one for one that is not. */
export const BEHIND = `SELECT l.tenant_id, l.shard, l.size - coalesce(p.size, 0) AS entries,
    (SELECT recant.received_ms(e.frame) FROM recant.entry e WHERE e.tenant_id = l.tenant_id AND e.shard = l.shard AND e.idx = coalesce(p.size, 0))::float8 AS oldest_ms
  FROM recant.log l LEFT JOIN recant.projected p ON p.tenant_id = l.tenant_id AND p.shard = l.shard WHERE l.size > coalesce(p.size, 0) ORDER BY 1, 2`;

/** @param read connections for the sizes of one tenant's logs */
export function createProjection(pool: pg.Pool, read: pg.Pool, options: ProjectionOptions = {}): Projection {
  const { failpoints = () => {}, reachMs = REACH_MS } = options;
  const folding = new Map<string, Promise<bigint | undefined>>();
  let lags: readonly LogLag[] = [];
  /** `until`: when it is tried again (`performance.now()`). */
  const stopped = new Map<string, { readonly fault: EntryFault; readonly until: number }>();

  async function tryFold(log: LogKey, waits: boolean): Promise<bigint | undefined> {
    const known = stopped.get(logKeyOf(log));
    if (known !== undefined && known.until > performance.now()) throw known.fault;
    try {
      const folded = await inTurn(pool, log.tenant, () => foldLog(pool, log, { waits, failpoints }));
      if (folded !== undefined) stopped.delete(logKeyOf(log));
      return folded;
    } catch (error) {
      if (error instanceof EntryFault) stopped.set(logKeyOf(log), { fault: error, until: performance.now() + STOPPED_MS });
      throw error;
    }
  }

  /** All callers in this process that need a log share the transaction that folds it. */
  function fold(log: LogKey, waits: boolean): Promise<bigint | undefined> {
    const key = logKeyOf(log);
    const running = folding.get(key);
    if (running !== undefined) return running;
    const started = tryFold(log, waits).finally(() => folding.delete(key));
    folding.set(key, started);
    return started;
  }

  async function foldWhole(log: LogKey, stopping: () => boolean): Promise<void> {
    for (let last = -1n; !stopping(); ) {
      const folded = await fold(log, false);
      if (folded === undefined || folded === last) return;
      last = folded;
    }
  }

  return {
    async reach(tenant, vector) {
      const deadline = performance.now() + reachMs;
      let wanted: Vector | undefined;
      for (;;) {
        const places = await readPlaces(read, tenant);
        wanted ??= boundBy(vector, Object.fromEntries(places.map(({ shard, size }) => [shard, size])));
        const behind = places.filter(({ shard, projected }) => projected < (wanted?.[shard] ?? 0n));
        if (behind.length === 0) return wanted;
        const folded = Promise.all(behind.map(({ shard }) => fold({ tenant, shard }, true).catch(ignoreLock)));
        if (!(await endsBefore(deadline, folded).catch(asBehind))) throw tooFarBehind(tenant, behind.length, reachMs);
      }
    },
    async catchUp(stopping) {
      lags = (await pool.query<LagRow>(BEHIND)).rows.map(lagOf);
      const behind = new Set(lags.map(logKeyOf));
      // Another process folded them.
      for (const key of stopped.keys()) if (!behind.has(key)) stopped.delete(key);
      const queue = [...lags];
      const failures: unknown[] = [];
      const worker = async (): Promise<void> => {
        for (let log = queue.shift(); log !== undefined && !stopping(); log = queue.shift())
          await foldWhole(log, stopping).catch((error) => failures.push(error));
      };
      await Promise.all(Array.from({ length: LOGS_AT_ONCE }, worker));
      const failure = failures.find((error) => !(error instanceof EntryFault));
      if (failure !== undefined) throw failure;
    },
    behind: () => lags,
    stopped: () => Array.from(stopped.values(), ({ fault }) => fault),
  };
}

/** Entries beyond the end of a log need no rows. */
function boundBy(vector: Vector | undefined, sizes: Vector): Vector {
  if (vector === undefined) return sizes;
  const bounded = Object.entries(vector).map(([shard, wanted]) => {
    const size = sizes[Number(shard)] ?? 0n;
    return [shard, wanted < size ? wanted : size];
  });
  return Object.fromEntries(bounded);
}

/** Somebody else still folds the log: the caller looks again. */
function ignoreLock(error: unknown): undefined {
  if (isLockTimeout(error)) return undefined;
  throw error;
}

async function endsBefore(deadline: number, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const late = delay(Math.max(0, deadline - performance.now()), false, { signal: ended.signal }).catch(() => false);
  try {
    return await Promise.race([work.then(() => performance.now() < deadline), late]);
  } finally {
    ended.abort();
  }
}

function asBehind(error: unknown): never {
  if (!(error instanceof EntryFault)) throw error;
  const { tenant, shard } = error.log;
  throw new StoreError(
    'projection_behind',
    `The read models of log ${tenant}/${shard} stopped at entry ${error.index}: the alarm projection_stopped has the cause.`,
    { cause: error },
  );
}

function tooFarBehind(tenant: string, logs: number, ms: number): StoreError {
  return new StoreError(
    'projection_behind',
    `The read models of ${logs} logs of tenant ${tenant} are behind, and did not catch up within ${ms / 1_000} s: ask again.`,
  );
}

interface LagRow {
  readonly tenant_id: string;
  readonly shard: number;
  readonly entries: string;
  readonly oldest_ms: number | null;
}

const lagOf = ({ tenant_id, shard, entries, oldest_ms }: LagRow): LogLag => ({
  tenant: tenant_id,
  shard,
  entries: BigInt(entries),
  oldestMs: oldest_ms ?? undefined,
});
