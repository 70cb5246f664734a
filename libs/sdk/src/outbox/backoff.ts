/** First and longest pause between sends, in milliseconds. */
const BACKOFF_MS_FIRST = 100;
const BACKOFF_MS_MAX = 5_000;

/** Capped exponential backoff, half of it random so that many agents do not retry at once; at least `askedMs`. */
export function backoffMs(failures: number, random: number, askedMs: number): number {
  const full = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** Math.min(failures - 1, 20));
  return Math.max(askedMs, full / 2 + (full / 2) * random);
}

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. */
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
