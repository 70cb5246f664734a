import { EVENT_DEPTH_MAX } from './limits.ts';

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;

/** Returned in place of an index for "not canonical". */
export const NONE = -1;

/**
 * Whether the bytes are canonical JSON with at most EVENT_DEPTH_MAX levels. UTF-8 inside strings is not checked here; the decoder does that.
 * One pass without parsing, so that hostile nesting never reaches the parser. `refuseBytes` finds the reason for a refusal.
 * Every scan function takes an index and returns the index after the value, or NONE.
 */
export function isCanonical(bytes: Uint8Array): boolean {
  return scanValue(bytes, 0, EVENT_DEPTH_MAX) === bytes.length;
}

/** `depthLeft` bounds the recursion. */
export function scanValue(bytes: Uint8Array, index: number, depthLeft: number): number {
  switch (bytes[index]) {
    case QUOTE:
      return scanString(bytes, index);
    case OPEN_BRACE:
      return depthLeft === 0 ? NONE : scanObject(bytes, index + 1, depthLeft - 1);
    case OPEN_BRACKET:
      return depthLeft === 0 ? NONE : scanArray(bytes, index + 1, depthLeft - 1);
    case 0x74:
      return scanWord(bytes, index, 'true');
    case 0x66:
      return scanWord(bytes, index, 'false');
    case 0x6e:
      return scanWord(bytes, index, 'null');
    default:
      return scanNumber(bytes, index);
  }
}

function scanArray(bytes: Uint8Array, start: number, depthLeft: number): number {
  if (bytes[start] === CLOSE_BRACKET) return start + 1;
  for (let index = start; ; index += 1) {
    index = scanValue(bytes, index, depthLeft);
    if (index === NONE) return NONE;
    if (bytes[index] === CLOSE_BRACKET) return index + 1;
    if (bytes[index] !== COMMA) return NONE;
  }
}

function scanObject(bytes: Uint8Array, start: number, depthLeft: number): number {
  if (bytes[start] === CLOSE_BRACE) return start + 1;
  let lastFrom = NONE;
  for (let index = start; ; index += 1) {
    const from = index;
    if (bytes[from] !== QUOTE) return NONE;
    index = scanString(bytes, from);
    if (index === NONE || bytes[index] !== COLON) return NONE;
    if (lastFrom !== NONE && !ascends(bytes, lastFrom, from)) return NONE;
    lastFrom = from;
    index = scanValue(bytes, index + 1, depthLeft);
    if (index === NONE) return NONE;
    if (bytes[index] === CLOSE_BRACE) return index + 1;
    if (bytes[index] !== COMMA) return NONE;
  }
}

/** Whether the keys that start at `last` and `next` strictly ascend by UTF-16 code units. Both must be complete strings. */
export function ascends(bytes: Uint8Array, last: number, next: number): boolean {
  for (let offset = 1; ; offset += 1) {
    const a = bytes[last + offset] as number;
    const b = bytes[next + offset] as number;
    if (a >= 0x80 || b >= 0x80 || a === BACKSLASH || b === BACKSLASH) return keyAt(bytes, last) < keyAt(bytes, next);
    if (a === b) {
      if (a === QUOTE) return false;
      continue;
    }
    if (a === QUOTE) return true;
    return b !== QUOTE && a < b;
  }
}

/** @param characters ASCII @returns a table with 1 for each of their bytes, 0 for all others */
export function bytesAmong(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of bytesOf(characters)) table[byte] = 1;
  return table;
}

/** Printable ASCII without quote and backslash: characters that JSON never escapes. */
export const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x7f).with(QUOTE, 0).with(BACKSLASH, 0);

/** Bytes that need no escape in a string, whether or not they are valid UTF-8. */
const UNESCAPED = new Uint8Array(256).fill(1, 0x20).with(QUOTE, 0).with(BACKSLASH, 0);

/** End of the run of bytes that are in the table. */
export function runEnd(bytes: Uint8Array, start: number, table: Uint8Array): number {
  let index = start;
  while (table[bytes[index] as number] === 1) index += 1;
  return index;
}

/** Whether `bytes` contains `wanted` at `index`. */
export function matches(bytes: Uint8Array, index: number, wanted: Uint8Array): boolean {
  const { length } = wanted;
  if (index + length > bytes.length) return false;
  for (let place = 0; place < length; place += 1) if (bytes[index + place] !== wanted[place]) return false;
  return true;
}

export function scanString(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== QUOTE) return NONE;
  for (let index = runEnd(bytes, start + 1, UNESCAPED); ; index = runEnd(bytes, index + 1, UNESCAPED)) {
    if (bytes[index] === QUOTE) return index + 1;
    // Otherwise a control character, or the end of the bytes.
    if (bytes[index] !== BACKSLASH) return NONE;
    index = scanEscape(bytes, index + 1);
    if (index === NONE) return NONE;
  }
}

/** Scans the rest of an escape. @returns the index of its last character */
function scanEscape(bytes: Uint8Array, index: number): number {
  const escaped = bytes[index] as number;
  if (escaped === 0x75) return isControlEscape(bytes, index + 1) ? index + 4 : NONE;
  return isShortEscape(escaped) ? index : NONE;
}

/** RFC 8785 section 3.2.2.2: \" \\ \b \f \n \r \t */
function isShortEscape(byte: number): boolean {
  return byte === QUOTE || byte === BACKSLASH || byte === 0x62 || byte === 0x66 || byte === 0x6e || byte === 0x72 || byte === 0x74;
}

/** `001f` and similar: lower case, below 0x20, without a short form, and not U+0000, which PostgreSQL cannot store. */
function isControlEscape(bytes: Uint8Array, index: number): boolean {
  if (bytes[index] !== 0x30 || bytes[index + 1] !== 0x30) return false;
  const high = (bytes[index + 2] as number) - 0x30;
  const low = bytes[index + 3] as number;
  const digit = low >= 0x30 && low <= 0x39 ? low - 0x30 : low >= 0x61 && low <= 0x66 ? low - 0x57 : NONE;
  if ((high !== 0 && high !== 1) || digit === NONE) return false;
  const code = high * 16 + digit;
  return code !== 0 && code !== 8 && code !== 9 && code !== 10 && code !== 12 && code !== 13;
}

function scanWord(bytes: Uint8Array, index: number, word: string): number {
  for (let offset = 0; offset < word.length; offset += 1) {
    if (bytes[index + offset] !== word.charCodeAt(offset)) return NONE;
  }
  return index + word.length;
}

/** Whole numbers of up to 15 digits are canonical; any other number is compared with ECMAScript's output. */
function scanNumber(bytes: Uint8Array, start: number): number {
  let index = start;
  while (isDigit(bytes[index])) index += 1;
  const digits = index - start;
  const next = bytes[index];
  if (digits === 0 || digits > 15 || next === 0x2e || next === 0x65) return scanLongNumber(bytes, start);
  return digits > 1 && bytes[start] === 0x30 ? NONE : index;
}

/** The longest number in ECMAScript's output, -1.7976931348623157e+308, has 24 characters. */
const NUMBER_CHARS_MAX = 25;

function scanLongNumber(bytes: Uint8Array, start: number): number {
  let token = '';
  let index = start;
  for (; index - start <= NUMBER_CHARS_MAX; index += 1) {
    const byte = bytes[index] as number;
    if (!isDigit(byte) && byte !== 0x2d && byte !== 0x2b && byte !== 0x2e && byte !== 0x65) break;
    token += String.fromCharCode(byte);
  }
  const value = Number(token);
  return token !== '' && Number.isFinite(value) && String(value) === token ? index : NONE;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

const utf8 = new TextDecoder();

/** Decodes a JSON string. `start` and `end` include the quotes. */
export function decodeString(bytes: Uint8Array, start: number, end: number): string {
  return JSON.parse(utf8.decode(bytes.subarray(start, end))) as string;
}

function keyAt(bytes: Uint8Array, start: number): string {
  return decodeString(bytes, start, scanString(bytes, start));
}

/** @param text ASCII */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
