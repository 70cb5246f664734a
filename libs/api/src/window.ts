import { DateTime, Duration } from 'luxon';
import { ApiFault } from './problem.ts';

/** Milliseconds since 1970, UTC: `[fromMs, toMs)`. */
export interface Window {
  readonly fromMs?: number;
  readonly toMs?: number;
}

const SHORT = /^(\d{1,9})(ms|s|m|h|d|w)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
/** A zone at the end of an ISO 8601 time: `Z`, `+02`, `+0200`, `+02:00`. A date alone has none. */
const ZONED = /T.*(?:Z|[+-]\d{2}(?::?\d{2})?)$/i;

/** Years that ISO 8601 writes in four digits: PostgreSQL takes less than a Date does. */
const TIME_MS_MIN = Date.parse('0001-01-01T00:00:00Z');
const TIME_MS_MAX = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * The window of a request. Each end is ISO 8601 with a zone, or a duration before `nowMs`.
 * @throws ApiFault `time_invalid`, `time_zone_missing`, `window_empty`
 */
export function parseWindow(text: { from?: string | undefined; to?: string | undefined }, nowMs: number): Window {
  const fromMs = text.from === undefined ? undefined : parseInstant('from', text.from, nowMs);
  const toMs = text.to === undefined ? undefined : parseInstant('to', text.to, nowMs);
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) {
    throw new ApiFault(
      'window_empty',
      `\`from\` (${DateTime.fromMillis(fromMs, { zone: 'utc' }).toISO()}) is not before \`to\` (${DateTime.fromMillis(toMs, { zone: 'utc' }).toISO()}).`,
    );
  }
  return { ...(fromMs === undefined ? {} : { fromMs }), ...(toMs === undefined ? {} : { toMs }) };
}

/** Milliseconds since 1970 of one end of a window; `field` names it in errors. */
export function parseInstant(field: string, text: string, nowMs: number): number {
  const ago = parseDurationMs(text);
  if (ago !== undefined) return within(field, text, nowMs - ago);
  const time = DateTime.fromISO(text, { setZone: true });
  if (!time.isValid) throw new ApiFault('time_invalid', `\`${field}\` is not a time: ${JSON.stringify(text)}.`);
  if (!ZONED.test(text)) throw new ApiFault('time_zone_missing', `\`${field}\` does not say in which zone it is: ${JSON.stringify(text)}.`);
  return within(field, text, time.toMillis());
}

function within(field: string, text: string, ms: number): number {
  if (ms >= TIME_MS_MIN && ms <= TIME_MS_MAX) return ms;
  throw new ApiFault('time_invalid', `\`${field}\` is outside the years 1 to 9999: ${JSON.stringify(text)}.`);
}

/** `90s`, `2h`, `PT15M`, `P1D`; undefined for anything that is not a positive duration. */
export function parseDurationMs(text: string): number | undefined {
  const short = SHORT.exec(text);
  const ms = short
    ? Number(short[1]) * (UNIT_MS[short[2] as string] as number)
    : text.startsWith('P')
      ? Duration.fromISO(text).toMillis()
      : Number.NaN;
  return ms > 0 ? ms : undefined;
}
