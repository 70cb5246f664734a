import { ApiFault, describeError } from './problem.ts';
import { parseDurationMs, parseInstant } from './window.ts';

/** Maximum lifetime of a key in milliseconds: ten years. */
export const KEY_LIFETIME_MS_MAX = 315_576_000_000;
/** How long a rotated key stays valid, in milliseconds: default (24 hours) and maximum (30 days). */
export const OVERLAP_MS_DEFAULT = 86_400_000;
export const OVERLAP_MS_MAX = 2_592_000_000;

const NO_TIME = /^(0+(ms|s|m|h|d|w)?|PT0S)$/;

/** Expiry of a key: ISO 8601 with a zone, or a duration from `nowMs`. @throws ApiFault `time_invalid`, `time_zone_missing`, `key_time_invalid` */
export function parseExpiry(text: string, nowMs: number, field = 'expires'): number {
  const aheadMs = parseDurationMs(text);
  const atMs = aheadMs === undefined ? instantOf(field, text, nowMs) : nowMs + aheadMs;
  if (atMs > nowMs && atMs <= nowMs + KEY_LIFETIME_MS_MAX) return atMs;
  throw new ApiFault('key_time_invalid', `\`${field}\` is not within ten years from now: ${JSON.stringify(text)}.`);
}

/** Replaces the advice of `time_invalid`: a duration of a key counts forwards. */
function instantOf(field: string, text: string, nowMs: number): number {
  try {
    return parseInstant(field, text, nowMs);
  } catch (error) {
    if (!(error instanceof ApiFault) || error.code !== 'time_invalid') throw error;
    throw new ApiFault('time_invalid', error.message, { action: describeError('key_time_invalid').action, cause: error });
  }
}

/** Milliseconds that a rotated key stays valid; `0` for none. @throws ApiFault `key_time_invalid` */
export function parseOverlap(text: string): number {
  const overlapMs = NO_TIME.test(text) ? 0 : parseDurationMs(text);
  if (overlapMs !== undefined && overlapMs <= OVERLAP_MS_MAX) return overlapMs;
  throw new ApiFault('key_time_invalid', `\`overlap\` is not a duration of at most 30 days: ${JSON.stringify(text)}.`);
}
