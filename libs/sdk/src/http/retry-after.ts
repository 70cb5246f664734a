/** Longest pause that a response can request, in milliseconds. */
const RETRY_AFTER_MS_MAX = 60_000;

/** Milliseconds of a Retry-After header (RFC 9110 section 10.2.3: seconds or a date); 0 if it is absent or invalid. */
export function retryAfterMs(header: string | null, nowMs: number): number {
  if (header === null) return 0;
  const seconds = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(seconds, 0), RETRY_AFTER_MS_MAX);
}
