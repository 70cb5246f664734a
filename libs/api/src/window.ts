import { TIME_MS_MAX, TIME_MS_MIN } from '@recant/events';
import { DateTime, Duration } from 'luxon';
import { ApiFault } from './problem.ts';

/**
 * The grammar of times, durations and windows, for API and CLI alike:
 *
 *     window   = [from] [to] | length [from | to]     half-open [from, to)
 *     from, to = instant | duration                   a duration counts back from now
 *     length   = duration                             next to the end that is given, else up to now
 *     instant  = ISO 8601 date and time with a zone   2026-03-01T14:00Z, 2026-03-01T14:00:00+02:00
 *     duration = 1*(digits unit) | ISO 8601 duration  90s, 2h, 1h30m, PT1H30M
 *     unit     = ms | s | m | h | d | w
 */
export interface WindowText {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Its length. */
  readonly window?: string | undefined;
}

/** Milliseconds since 1970, UTC: `[fromMs, toMs)`. */
export interface Window {
  readonly fromMs?: number;
  readonly toMs?: number;
}

const SHORT = /^(?:\d{1,9}(?:ms|s|m|h|d|w))+$/;
const SHORT_TERM = /(\d+)(ms|s|m|h|d|w)/g;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
/** A zone at the end of an ISO 8601 time: `Z`, `+02`, `+0200`, `+02:00`. A date alone has none. */
const ZONED = /T.*(?:Z|[+-](\d\d)(?::?(\d\d))?)$/i;
const OFFSET_MINUTES_MAX = 14 * 60;
const TEXT_CHARS_MAX = 64;

/**
 * @param nowMs what durations count back from, and where a length without an end stops.
 * @throws ApiFault `time_invalid`, `time_zone_missing`, `window_empty`
 */
export function parseWindow(text: WindowText, nowMs: number): Window {
  let fromMs = text.from === undefined ? undefined : parseInstant('from', text.from, nowMs);
  let toMs = text.to === undefined ? undefined : parseInstant('to', text.to, nowMs);
  if (text.window !== undefined) {
    const lengthMs = parseLength(text.window);
    if (fromMs !== undefined && toMs !== undefined)
      throw new ApiFault('time_invalid', '`window` cannot be combined with both `from` and `to`: leave one out.');
    if (fromMs === undefined) fromMs = within('window', text.window, (toMs ?? nowMs) - lengthMs);
    else toMs = within('window', text.window, fromMs + lengthMs);
  }
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs)
    throw new ApiFault('window_empty', `\`from\` (${iso(fromMs)}) is not before \`to\` (${iso(toMs)}).`);
  return { ...(fromMs === undefined ? {} : { fromMs }), ...(toMs === undefined ? {} : { toMs }) };
}

/** Milliseconds since 1970 of one end of a window; `field` names it in errors. @throws ApiFault `time_invalid`, `time_zone_missing` */
export function parseInstant(field: string, text: string, nowMs: number): number {
  const agoMs = parseDurationMs(text);
  if (agoMs !== undefined) return within(field, text, nowMs - agoMs);
  const zone = ZONED.exec(text);
  const [, hours = '0', minutes = '0'] = zone ?? [];
  if (Number(minutes) > 59 || Number(hours) * 60 + Number(minutes) > OFFSET_MINUTES_MAX)
    throw new ApiFault('time_invalid', `\`${field}\` has a zone beyond ±14:00: ${quote(text)}.`);
  const time = DateTime.fromISO(text.slice(0, TEXT_CHARS_MAX), { setZone: true });
  if (!time.isValid) throw new ApiFault('time_invalid', `\`${field}\` is not a time: ${quote(text)}.`);
  if (zone === null) throw new ApiFault('time_zone_missing', `\`${field}\` has no time zone: ${quote(text)}.`);
  return within(field, text, time.toMillis());
}

/** `90s`, `2h`, `1h30m`, `PT15M`, `P1D`; whole milliseconds; undefined for anything that is not a positive duration. */
export function parseDurationMs(text: string): number | undefined {
  if (text.length > TEXT_CHARS_MAX) return undefined;
  let ms = 0;
  if (SHORT.test(text)) for (const [, count, unit] of text.matchAll(SHORT_TERM)) ms += Number(count) * (UNIT_MS[unit as string] as number);
  else if (text.startsWith('P')) ms = Duration.fromISO(text).toMillis();
  return ms >= 1 ? Math.round(ms) : undefined;
}

function parseLength(text: string): number {
  const lengthMs = parseDurationMs(text);
  if (lengthMs === undefined)
    throw new ApiFault('time_invalid', `\`window\` is not a duration such as 90s, 2h, 1h30m or PT2H: ${quote(text)}.`);
  return lengthMs;
}

function within(field: string, text: string, ms: number): number {
  if (ms >= TIME_MS_MIN && ms <= TIME_MS_MAX) return ms;
  throw new ApiFault('time_invalid', `\`${field}\` is outside the years 1 to 9999: ${quote(text)}.`);
}

const iso = (ms: number): string => DateTime.fromMillis(ms, { zone: 'utc' }).toISO() ?? String(ms);
const quote = (text: string): string => JSON.stringify(text.slice(0, 80));
