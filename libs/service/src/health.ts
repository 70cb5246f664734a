import type { HealthDetails } from '@recant/api';

/** One thing that can be wrong. Fast and bounded: `/health` waits for it. */
export type HealthCheck = () => Promise<{ readonly status: 'ok' | 'degraded'; readonly detail?: string }>;
export type HealthChecks = Readonly<Record<string, HealthCheck>>;

const CHECK_MS_MAX = 2_000;
/** Anybody may ask, as often as he likes: what was found is given again for so long. */
const KEEP_MS = 1_000;

/** All checks at once; one that throws or takes over CHECK_MS_MAX is degraded. */
export async function checkHealth(checks: HealthChecks): Promise<Required<HealthDetails>> {
  const entries = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await bounded(check)] as const));
  const degraded = entries.some(([, result]) => result.status === 'degraded');
  return { status: degraded ? 'degraded' : 'ok', checks: Object.fromEntries(entries) };
}

/** Looks once for all who ask within KEEP_MS. @param clock milliseconds, monotonic. */
export function rememberHealth(checks: HealthChecks, clock: () => number): () => ReturnType<typeof checkHealth> {
  let last: { readonly at: number; readonly found: ReturnType<typeof checkHealth> } | undefined;
  return () => {
    if (last === undefined || clock() - last.at >= KEEP_MS) last = { at: clock(), found: checkHealth(checks) };
    return last.found;
  };
}

async function bounded(check: HealthCheck): Promise<{ status: 'ok' | 'degraded'; detail?: string }> {
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
