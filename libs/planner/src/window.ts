import { DateTime, Duration } from 'luxon';
import { PlannerError } from './error.ts';

/** Ends and length of a window as a person writes them. */
export interface WindowText {
  /** ISO 8601 with a zone, or how long ago: `2h`. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** A length, `2h`: up to now, or next to the one end that is given. */
  readonly window?: string | undefined;
}
/** Half-open `[fromMs, toMs)`, milliseconds since 1970, UTC. */
export interface Window {
  readonly fromMs?: number;
  readonly toMs?: number;
}

const SHORT = /^(?:\d{1,9}(?:ms|s|m|h|d|w))+$/;
const SHORT_PIECE = /(\d+)(ms|s|m|h|d|w)/g;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
/** Years that ISO 8601 writes in four digits: PostgreSQL takes less than a Date does. */
const TIME_MS_MIN = Date.parse('0001-01-01T00:00:00Z');
const TIME_MS_MAX = Date.parse('9999-12-31T23:59:59.999Z');
/** Zone at the end of an ISO 8601 time: `Z`, `+02`, `+0200`, `+02:00`. A date alone has none. */
const ZONED = /T.*(?:Z|[+-]\d{2}(?::?\d{2})?)$/i;

/**
 * @param nowMs what durations count back from.
 * @param zone IANA zone for times without one; without it such a time is refused.
 * @throws PlannerError `time_invalid | time_zone_missing | window_empty`
 */
export function parseWindow(text: WindowText, nowMs: number, zone?: string): Window {
  const length = text.window === undefined ? undefined : parseDurationMs(text.window);
  if (text.window !== undefined && length === undefined)
    throw new PlannerError('time_invalid', `\`window\` is not a length such as 90s, 15m, 2h or PT2H: ${quote(text.window)}.`);
  let fromMs = text.from === undefined ? undefined : parseInstant('from', text.from, nowMs, zone);
  let toMs = text.to === undefined ? undefined : parseInstant('to', text.to, nowMs, zone);
  if (length !== undefined) {
    if (fromMs !== undefined && toMs !== undefined)
      throw new PlannerError('time_invalid', 'Give `window` with one of `from` and `to`, not with both.');
    if (fromMs !== undefined) toMs = fromMs + length;
    else fromMs = (toMs ?? nowMs) - length;
  }
  for (const [field, ms] of Object.entries({ from: fromMs, to: toMs }))
    if (ms !== undefined && !(ms >= TIME_MS_MIN && ms <= TIME_MS_MAX))
      throw new PlannerError('time_invalid', `\`${field}\` is outside the years 1 to 9999.`);
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) {
    throw new PlannerError('window_empty', `\`from\` (${iso(fromMs)}) is not before \`to\` (${iso(toMs)}).`);
  }
  return { ...(fromMs === undefined ? {} : { fromMs }), ...(toMs === undefined ? {} : { toMs }) };
}

/** `90s`, `2h`, `1h30m`, `PT2H`; undefined for anything that is not a positive duration. */
export function parseDurationMs(text: string): number | undefined {
  if (text.length > 64) return undefined;
  let ms = 0;
  if (SHORT.test(text)) for (const [, count, unit] of text.matchAll(SHORT_PIECE)) ms += Number(count) * (UNIT_MS[unit as string] as number);
  else if (text.startsWith('P')) ms = Duration.fromISO(text).toMillis();
  return ms > 0 && Number.isSafeInteger(ms) ? ms : undefined;
}

function parseInstant(field: string, text: string, nowMs: number, zone: string | undefined): number {
  const ago = parseDurationMs(text);
  if (ago !== undefined) return nowMs - ago;
  const zoned = ZONED.test(text);
  const time = DateTime.fromISO(text.slice(0, 64), zoned ? { setZone: true } : { zone: zone ?? 'utc' });
  if (!time.isValid) throw new PlannerError('time_invalid', `\`${field}\` is neither ISO 8601 nor how long ago (2h): ${quote(text)}.`);
  if (!zoned && zone === undefined) {
    throw new PlannerError(
      'time_zone_missing',
      `\`${field}\` does not say in which zone it is: ${quote(text)}. Add Z for UTC, or an offset such as +02:00.`,
    );
  }
  return time.toMillis();
}

const iso = (ms: number): string => DateTime.fromMillis(ms, { zone: 'utc' }).toISO() ?? String(ms);
const quote = (text: string): string => JSON.stringify(text.slice(0, 80));
