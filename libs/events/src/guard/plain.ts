/**
 * The string predicates for unescaped bytes, for the hot path: each takes the start of a text and returns its end, or NONE.
 * Invariant: each accepts only texts that the string predicate accepts, but not all of them; after NONE the predicate decides.
 */
import { NAME_BYTES_MAX, ORDINAL_DIGITS_MAX, RESOURCE_BYTES_MAX, SEQUENCE_DIGITS, VERSION_BYTES_MAX } from '../limits.ts';
import { bytesAmong, bytesOf, matches, NONE, PLAIN, runEnd } from '../scan.ts';
import type { Plain } from './guard.ts';
import { isInstant } from './texts.ts';

const DIGITS = '0123456789';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const ALPHANUMERIC = `${DIGITS}${LOWER}${LOWER.toUpperCase()}`;
const ZERO = 0x30;
const SEVEN = 0x37;
const HYPHEN = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;

const IS_DIGIT = bytesAmong(DIGITS);
const IS_HEX = bytesAmong(`${DIGITS}abcdef`);
const IS_LOWER = bytesAmong(LOWER);
const IS_ALPHANUMERIC = bytesAmong(ALPHANUMERIC);
/** Variant digit of a UUID (RFC 9562 section 4.1). */
const IS_VARIANT = bytesAmong('89ab');
const IS_VISIBLE = PLAIN.with(0x20, 0);
const IN_CONNECTOR = bytesAmong(`${DIGITS}${LOWER}-`);
const IN_SYSTEM = bytesAmong(`${ALPHANUMERIC}._-`);
/** Characters of a path that need no percent-encoding. */
const IN_PATH = bytesAmong(`${ALPHANUMERIC}._-~!$&'()+,;=:@/`);

const PROTO = bytesOf('__proto__');

export const plainName: Plain = (bytes, from) => {
  const to = runEnd(bytes, from, PLAIN);
  return to === from || to - from > NAME_BYTES_MAX || (to - from === PROTO.length && matches(bytes, from, PROTO)) ? NONE : to;
};

export const plainImageReference: Plain = (bytes, from) => {
  const to = runEnd(bytes, from, PLAIN);
  return to === from || to - from > RESOURCE_BYTES_MAX ? NONE : to;
};

export const plainVersion: Plain = (bytes, from) => {
  const to = runEnd(bytes, from, IS_VISIBLE);
  return to === from || to - from > VERSION_BYTES_MAX ? NONE : to;
};

export const plainOrdinal: Plain = (bytes, from) => {
  const to = runEnd(bytes, from, IS_DIGIT);
  const isWhole = to > from && to - from <= ORDINAL_DIGITS_MAX && (bytes[from] !== ZERO || to - from === 1);
  return isWhole ? to : NONE;
};

export const plainDigest: Plain = (bytes, from) => {
  const to = runEnd(bytes, from, IS_HEX);
  return to - from === 64 ? to : NONE;
};

const UUID_GROUPS = [8, 4, 4, 4, 12];
const TRACEPARENT_GROUPS = [2, 32, 16, 2];

export const plainUuidV7: Plain = (bytes, from) =>
  bytes[from + 14] === SEVEN && isAmong(bytes[from + 19], IS_VARIANT) ? hexGroupsEnd(bytes, from, UUID_GROUPS) : NONE;

export const plainTraceparent: Plain = (bytes, from) => {
  const isVersion0 = isZero(bytes, from, 2);
  return isVersion0 && !isZero(bytes, from + 3, 32) && !isZero(bytes, from + 36, 16) ? hexGroupsEnd(bytes, from, TRACEPARENT_GROUPS) : NONE;
};

const TIME = bytesOf('YYYY-MM-DDThh:mm:ss.mmmZ');
const TIME_SEPARATORS = [4, 7, 10, 13, 16, 19, 23];

export const plainTime: Plain = (bytes, from) => {
  for (const place of TIME_SEPARATORS) if (bytes[from + place] !== TIME[place]) return NONE;
  const at = (place: number, count: number) => numberAt(bytes, from + place, count);
  const isReal = isInstant(at(0, 4), at(5, 2), at(8, 2), at(11, 2), at(14, 2), at(17, 2)) && at(20, 3) >= 0;
  return isReal ? from + TIME.length : NONE;
};

export const plainSequence: Plain = (bytes, from) => {
  const number = numberAt(bytes, from, SEQUENCE_DIGITS);
  return number >= 1 && number <= Number.MAX_SAFE_INTEGER ? from + SEQUENCE_DIGITS : NONE;
};

export const plainConnector: Plain = (bytes, from) => {
  const to = runEnd(bytes, from, IN_CONNECTOR);
  return isAmong(bytes[from], IS_LOWER) && to - from <= 32 ? to : NONE;
};

const AFTER_CONNECTOR = bytesOf('://');

/** Accepts no percent-encoding, and no segment that begins with a dot. */
export const plainResource: Plain = (bytes, from) => {
  const connectorEnd = plainConnector(bytes, from);
  if (connectorEnd === NONE || !matches(bytes, connectorEnd, AFTER_CONNECTOR)) return NONE;
  const systemAt = connectorEnd + AFTER_CONNECTOR.length;
  const systemEnd = runEnd(bytes, systemAt, IN_SYSTEM);
  if (systemEnd - systemAt > 64 || !isAmong(bytes[systemAt], IS_ALPHANUMERIC) || bytes[systemEnd] !== SLASH) return NONE;
  const to = runEnd(bytes, systemEnd, IN_PATH);
  for (let index = systemEnd; index < to; index += 1) if (bytes[index] === SLASH && bytes[index + 1] === DOT) return NONE;
  return to - from <= RESOURCE_BYTES_MAX ? to : NONE;
};

function isAmong(byte: number | undefined, table: Uint8Array): boolean {
  return byte !== undefined && table[byte] === 1;
}

function isZero(bytes: Uint8Array, from: number, count: number): boolean {
  for (let index = from; index < from + count; index += 1) if (bytes[index] !== ZERO) return false;
  return true;
}

/** The number in `count` decimal digits; NaN if one of them is not a digit. */
export function numberAt(bytes: Uint8Array, from: number, count: number): number {
  let number = 0;
  for (let index = from; index < from + count; index += 1) {
    const digit = (bytes[index] as number) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    number = number * 10 + digit;
  }
  return number;
}

/** End of hyphen-separated groups of lower-case hex digits with the given lengths, or NONE. */
function hexGroupsEnd(bytes: Uint8Array, from: number, lengths: readonly number[]): number {
  let index = from - 1;
  for (let group = 0; group < lengths.length; group += 1) {
    const length = lengths[group] as number;
    if (group > 0 && bytes[index] !== HYPHEN) return NONE;
    index += 1 + length;
    if (runEnd(bytes, index - length, IS_HEX) !== index) return NONE;
  }
  return index;
}
