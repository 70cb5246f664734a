/** String predicates, shared by the guards and the zod schemas. */
import { fitsUtf8 } from '../bytes.ts';
import {
  ERROR_MESSAGE_BYTES_MAX,
  NAME_BYTES_MAX,
  ORDINAL_DIGITS_MAX,
  REASON_BYTES_MAX,
  RESOURCE_BYTES_MAX,
  VERSION_BYTES_MAX,
} from '../limits.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds control characters
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const VERSION = new RegExp(`^[\\x21-\\x7e]{1,${VERSION_BYTES_MAX}}$`);
const ORDINAL = new RegExp(`^(?:0|[1-9][0-9]{0,${ORDINAL_DIGITS_MAX - 1}})$`);
const HEX_64 = /^[0-9a-f]{64}$/;
/** The last of 22 characters carries two bits of the 16th byte: A, Q, g or w. */
const SALT = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const RECORD_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
/** W3C trace context, version 00: neither id is all zero. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Capture epoch and xid8 (64 bits, unsigned). */
const TRANSACTION = /^(?:0|[1-9][0-9]{0,9})\/(?:0|[1-9][0-9]{0,19})$/;
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** No control characters, which would reach terminals and logs; no `__proto__`, because names become keys of objects. */
export function isName(value: string): boolean {
  if (value === '__proto__' || value.length === 0) return false;
  return isPrintable(value, NAME_BYTES_MAX);
}

/** Well-formed text of at most `max` bytes without control characters. The common case, ASCII, takes one loop. */
function isPrintable(value: string, max: number): boolean {
  const { length } = value;
  if (length > max) return false;
  for (let index = 0; index < length; index += 1) {
    const code = value.charCodeAt(index);
    if (code < 0x20 || code > 0x7e) return fitsUtf8(value, max) && !CONTROL.test(value) && value.isWellFormed();
  }
  return true;
}
export function isLabelValue(value: string): boolean {
  return value === '' || isName(value);
}
export function isMessage(value: string): boolean {
  return fitsUtf8(value, ERROR_MESSAGE_BYTES_MAX) && !value.includes('\u0000') && value.isWellFormed();
}
/** Why somebody acted: one line, printed in lists. */
export function isReason(value: string): boolean {
  return value.length > 0 && isPrintable(value, REASON_BYTES_MAX);
}
/** A connector's reference to an image; opaque here. */
export function isImageReference(value: string): boolean {
  return value.length > 0 && isPrintable(value, RESOURCE_BYTES_MAX);
}
export function isVersion(value: string): boolean {
  return VERSION.test(value);
}
export function isOrdinal(value: string): boolean {
  return ORDINAL.test(value);
}
export function isDigest(value: string): boolean {
  return HEX_64.test(value);
}
export function isSalt(value: string): boolean {
  return SALT.test(value);
}
/** Id of a plan or a run. */
export function isRecordId(value: string): boolean {
  return RECORD_ID.test(value);
}
/** `<capture epoch>/<xid8>` in decimal. */
export function isTransaction(value: string): boolean {
  return TRANSACTION.test(value);
}
export function isTraceparent(value: string): boolean {
  return TRACEPARENT.test(value);
}
export function isTracestate(value: string): boolean {
  return TRACESTATE.test(value);
}

/** RFC 3339 in UTC with milliseconds and a valid date from 1970. No leap seconds: neither JavaScript nor PostgreSQL represents them. */
export function isTime(value: string): boolean {
  if (!TIME.test(value)) return false;
  return isInstant(
    digits(value, 0, 4),
    digits(value, 5, 7),
    digits(value, 8, 10),
    digits(value, 11, 13),
    digits(value, 14, 16),
    digits(value, 17, 19),
  );
}

export function isInstant(year: number, month: number, day: number, hour: number, minute: number, second: number): boolean {
  const isLeapDay = month === 2 && day === 29;
  if (isLeapDay && !(year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0))) return false;
  return year >= 1970 && day >= 1 && day <= (DAYS[month - 1] ?? 0) && hour < 24 && minute < 60 && second < 60;
}

function digits(value: string, from: number, to: number): number {
  let number = 0;
  for (let index = from; index < to; index += 1) number = number * 10 + value.charCodeAt(index) - 0x30;
  return number;
}
