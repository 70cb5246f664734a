import { setTimeout as delay } from 'node:timers/promises';
import type { HealthCheck, Logger } from '@recant/service';
import type { LastEvent, Systems, TenantCondition } from '@recant/store';
import { createSystemDrain, type DrainDeps, type SystemDrain } from './drain-system.ts';

/** Milliseconds between looks at a system, and the longest pause after failures. */
export const DRAIN_OPTIONS = { pollMs: 500, pauseMsMax: 30_000 };
export type DrainOptions = typeof DRAIN_OPTIONS;

/** What a flush found; nothing in it stops the caller. */
export interface FlushReport {
  /** Systems whose captured changes are not all in the ledger, why, and the last event that the ledger has of them. */
  readonly lagging: readonly { readonly system: string; readonly reason: string; readonly after: LastEvent | undefined }[];
}

export interface Drains {
  start(): void;
  stop(): Promise<void>;
  /** Everything that was committed in the tenant's systems before the call is in the ledger, except where the report says so. */
  flush(tenant: string, deadlineMs: number): Promise<FlushReport>;
  readonly health: HealthCheck;
  /** Systems that capture by themselves, or whose drain fails. */
  status(): readonly { readonly system: string; readonly drainedAtMs: number | undefined; readonly failing: boolean }[];
  /** One for each system that is not drained. */
  conditions(): readonly TenantCondition[];
}

type DrainsDeps = DrainDeps & {
  readonly systems: Pick<Systems, 'list'>;
  readonly tenant: () => Promise<string | undefined>;
  /** The last event of the newest source whose name begins like this. */
  lastUnder(tenant: string, prefix: string): Promise<LastEvent | undefined>;
  readonly log: Logger;
};

interface Registered {
  readonly tenant: string;
  readonly system: string;
  readonly drain: SystemDrain;
  pausedUntilMs: number;
}

/** Drains every registered system that captures by itself. Any number of processes may do it at once. */
export function createDrains(deps: DrainsDeps, options: DrainOptions): Drains {
  const known = new Map<string, Registered>();
  const stopping = new AbortController();
  let looping: Promise<void> | undefined;

  async function drainsOf(tenant: string): Promise<Registered[]> {
    const listed = (await deps.systems.list(tenant)).map((system) => {
      const key = JSON.stringify([tenant, system.name, system.connector]);
      const one = known.get(key) ?? { tenant, system: system.name, drain: createSystemDrain(deps, tenant, system), pausedUntilMs: 0 };
      known.set(key, one);
      return one;
    });
    // The failure of a removed system is over.
    for (const [key, one] of known) if (one.tenant === tenant && !listed.includes(one)) known.delete(key);
    return listed;
  }

  /** One system's failures delay no other. */
  async function loop(): Promise<void> {
    const turning = new Map<Registered, Promise<void>>();
    while (!stopping.signal.aborted) {
      try {
        const tenant = await deps.tenant();
        for (const one of tenant === undefined ? [] : await drainsOf(tenant)) {
          const done = turning.has(one) ? undefined : takeTurn(deps, options, one);
          if (done !== undefined)
            turning.set(
              one,
              done.finally(() => turning.delete(one)),
            );
        }
      } catch (error) {
        deps.log.warn({ err: error }, 'drain: store unavailable; retrying');
      }
      await delay(options.pollMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await Promise.all(turning.values());
  }

  return {
    start() {
      looping ??= loop();
    },
    async stop() {
      stopping.abort();
      await looping;
    },
    async flush(tenant, deadlineMs) {
      const reports = await Promise.all((await drainsOf(tenant)).map((one) => flushOne(one.system, one.drain, deadlineMs)));
      const late = reports.filter((report) => report !== undefined);
      const lagging = await Promise.all(late.map(async (one) => ({ ...one, after: await lastEventOf(deps, tenant, one.system) })));
      for (const one of lagging) deps.log.warn(one, 'drain: planning goes on without the latest changes of a system');
      return { lagging };
    },
    status: () =>
      [...known.values()]
        .map(({ system, drain: { drainedAtMs, failure } }) => ({ system, drainedAtMs, failing: failure !== undefined }))
        .filter(({ drainedAtMs, failing }) => drainedAtMs !== undefined || failing),
    conditions: () => [...known.values()].flatMap(conditionOf),
    async health() {
      const failing = [...known.values()].flatMap(({ system, drain: { failure } }) =>
        failure === undefined ? [] : [`${system}: not drained since ${new Date(failure.sinceMs).toISOString()}: ${failure.reason}`],
      );
      return failing.length === 0 ? { status: 'ok' } : { status: 'degraded', elsewhere: true, detail: failing.join('; ') };
    },
  };
}

function conditionOf({ tenant, system, drain: { failure } }: Registered): TenantCondition[] {
  if (failure === undefined) return [];
  const action = 'Correct the cause: captured changes wait in the system, and plans go on without the latest ones.';
  return [{ tenant, code: 'drain_stopped', subject: system, detail: `Not drained: ${failure.reason}`, action }];
}

const lastEventOf = async ({ producer, lastUnder }: DrainsDeps, tenant: string, system: string): Promise<LastEvent | undefined> =>
  lastUnder(tenant, `${await producer.sourcePrefix(tenant)}/system/${system}/`);

async function takeTurn({ clock, log }: DrainsDeps, { pollMs, pauseMsMax }: DrainOptions, one: Registered): Promise<void> {
  if (clock.now() < one.pausedUntilMs) return;
  try {
    await one.drain.turn();
  } catch (error) {
    const pauseMs = Math.min(pauseMsMax, pollMs * 2 ** Math.min(one.drain.failure?.count ?? 1, 16));
    one.pausedUntilMs = clock.now() + pauseMs;
    log.warn({ system: one.system, pauseMs, err: error }, 'drain: captured changes could not be recorded; retrying');
  }
}

/** @returns why the system lags; undefined if everything is in the ledger */
async function flushOne(
  system: string,
  drain: SystemDrain,
  deadlineMs: number,
): Promise<{ readonly system: string; readonly reason: string } | undefined> {
  const ending = new AbortController();
  const late = delay(deadlineMs, `not drained within ${deadlineMs} ms`, { signal: ending.signal }).catch(() => '');
  const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
  const reason = await Promise.race([drain.flush().then(() => undefined, reasonOf), late]);
  ending.abort();
  return reason === undefined ? undefined : { system, reason };
}
