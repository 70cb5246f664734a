/** First and longest pause between sends, in milliseconds. */
export const BACKOFF_MS_FIRST = 100;
export const BACKOFF_MS_MAX = 5_000;

/** Capped exponential pause with half of it random, so that many agents do not come back at once. Never shorter than what was asked for. */
export function backoffMs(failures: number, random: number, askedMs: number): number {
  const full = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** Math.min(failures - 1, 20));
  return Math.max(askedMs, full / 2 + (full / 2) * random);
}

/** Resolves after `ms`, or as soon as the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
