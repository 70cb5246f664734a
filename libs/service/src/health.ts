import type { HealthDetails } from '@recant/api';

export interface Checked {
  readonly status: 'ok' | 'degraded';
  readonly detail?: string;
  /** The condition is one of a registered system: this process serves, and restarting it or sending requests elsewhere helps nobody. */
  readonly elsewhere?: true;
}
/** Checks one component. Must be fast: `/health` waits for it, up to CHECK_MS_MAX. */
export type HealthCheck = () => Promise<Checked>;
export type HealthChecks = Readonly<Record<string, HealthCheck>>;

const CHECK_MS_MAX = 2_000;
/** Milliseconds for which a result is reused: `/health` needs no authentication, so anybody may call it at any rate. */
const CACHE_MS = 1_000;

/** Runs all checks in parallel; a check that throws or exceeds CHECK_MS_MAX is degraded. */
export async function checkHealth(checks: HealthChecks): Promise<Required<Omit<HealthDetails, 'alarms'>> & { readonly serving: boolean }> {
  const entries = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await bounded(check)] as const));
  const degraded = entries.filter(([, result]) => result.status === 'degraded');
  return {
    status: degraded.length > 0 ? 'degraded' : 'ok',
    serving: degraded.every(([, { elsewhere }]) => elsewhere),
    checks: Object.fromEntries(entries.map(([name, { elsewhere: _, ...shown }]) => [name, shown])),
  };
}

/** Shares one result among all requests within CACHE_MS. @param clock milliseconds, monotonic. */
export function cachedHealth(checks: HealthChecks, clock: () => number): () => ReturnType<typeof checkHealth> {
  let last: { readonly at: number; readonly result: ReturnType<typeof checkHealth> } | undefined;
  return () => {
    if (last === undefined || clock() - last.at >= CACHE_MS) last = { at: clock(), result: checkHealth(checks) };
    return last.result;
  };
}

async function bounded(check: HealthCheck): Promise<Checked> {
  const { promise, resolve } = Promise.withResolvers<{ status: 'degraded'; detail: string }>();
  const timer = setTimeout(() => resolve({ status: 'degraded', detail: `no answer within ${CHECK_MS_MAX} ms` }), CHECK_MS_MAX);
  try {
    return await Promise.race([check(), promise]);
  } catch (error) {
    return { status: 'degraded', detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
