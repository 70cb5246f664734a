import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/**
 * Waits until the condition returns a truthy value, and returns it. A condition that throws is not met yet; its last error is the
 * cause of the timeout error.
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  options: { timeoutMs?: number; what?: string; pollMs?: number } = {},
): Promise<NonNullable<T>> {
  const { timeoutMs = 30_000, what = condition.toString(), pollMs = POLL_MS } = options;
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const value = await condition();
      if (value) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(pollMs);
  } while (performance.now() < deadline);
  throw new Error(`Timed out after ${timeoutMs} ms waiting for ${what}`, { cause });
}
