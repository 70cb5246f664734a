import { EVENT_DEPTH_MAX } from './limits.ts';

/**
 * What one pass over the bytes says: canonical (and therefore valid) JSON of bounded depth, all ASCII or not, or something else that
 * the slow road has to name. Deciding without a parse keeps hostile depth away from the parser, and costs half of writing the value again.
 */
export type Scanned = 'canonical_ascii' | 'canonical_utf8' | 'other';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export function scanCanonical(bytes: Uint8Array): Scanned {
  return new Scan(bytes).run();
}

class Scan {
  private readonly bytes: Uint8Array;
  private index = 0;
  private ascii = true;
  private sound = true;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  run(): Scanned {
    this.value(EVENT_DEPTH_MAX);
    if (!this.sound || this.index !== this.bytes.length) return 'other';
    return this.ascii ? 'canonical_ascii' : 'canonical_utf8';
  }

  private fail(): void {
    this.sound = false;
  }

  /** Recursion is bounded by EVENT_DEPTH_MAX. */
  private value(depthLeft: number): void {
    const byte = this.bytes[this.index];
    if (byte === QUOTE) this.string();
    else if (byte === OPEN_BRACE) depthLeft === 0 ? this.fail() : this.object(depthLeft - 1);
    else if (byte === OPEN_BRACKET) depthLeft === 0 ? this.fail() : this.array(depthLeft - 1);
    else if (byte === 0x74) this.word('true');
    else if (byte === 0x66) this.word('false');
    else if (byte === 0x6e) this.word('null');
    else this.number();
  }

  private array(depthLeft: number): void {
    this.index += 1;
    if (this.bytes[this.index] === CLOSE_BRACKET) {
      this.index += 1;
      return;
    }
    while (true) {
      this.value(depthLeft);
      if (!this.sound) return;
      const byte = this.bytes[this.index];
      this.index += 1;
      if (byte === CLOSE_BRACKET) return;
      if (byte !== COMMA) return this.fail();
    }
  }

  private object(depthLeft: number): void {
    const { bytes } = this;
    this.index += 1;
    if (bytes[this.index] === CLOSE_BRACE) {
      this.index += 1;
      return;
    }
    let lastFrom = -1;
    let lastTo = -1;
    while (true) {
      if (bytes[this.index] !== QUOTE) return this.fail();
      const from = this.index + 1;
      this.string();
      const to = this.index - 1;
      if (!this.sound || (lastFrom >= 0 && !this.ascends(lastFrom, lastTo, from, to))) return this.fail();
      lastFrom = from;
      lastTo = to;
      if (bytes[this.index] !== COLON) return this.fail();
      this.index += 1;
      this.value(depthLeft);
      if (!this.sound) return;
      const byte = bytes[this.index];
      this.index += 1;
      if (byte === CLOSE_BRACE) return;
      if (byte !== COMMA) return this.fail();
    }
  }

  /** Strictly ascending by UTF-16 code units. Escaped and non-ASCII keys are rare: decoded and compared as strings. */
  private ascends(lastFrom: number, lastTo: number, from: number, to: number): boolean {
    const { bytes } = this;
    for (let offset = 0; ; offset += 1) {
      const ended = lastFrom + offset === lastTo;
      if (from + offset === to) return false;
      if (ended) return true;
      const last = bytes[lastFrom + offset] as number;
      const next = bytes[from + offset] as number;
      if (last === next) continue;
      if (last < 0x80 && next < 0x80 && last !== BACKSLASH && next !== BACKSLASH) return last < next;
      return keyOf(bytes, lastFrom, lastTo) < keyOf(bytes, from, to);
    }
  }

  private string(): void {
    const { bytes } = this;
    let index = this.index + 1;
    while (true) {
      const byte = bytes[index] as number;
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) {
        const length = escapeLength(bytes, index);
        if (length === 0) return this.fail();
        index += length;
      } else if (byte >= 0x20) {
        if (byte >= 0x80) this.ascii = false;
        index += 1;
      } else {
        // A control character, or `undefined` past the end.
        return this.fail();
      }
    }
    this.index = index + 1;
  }

  private word(word: string): void {
    for (let offset = 0; offset < word.length; offset += 1) {
      if (this.bytes[this.index + offset] !== word.charCodeAt(offset)) return this.fail();
    }
    this.index += word.length;
  }

  /** Whole numbers of up to 15 digits are canonical as they stand; any other number is compared with what ECMAScript would write. */
  private number(): void {
    const { bytes } = this;
    const from = this.index;
    let index = from;
    let value = 0;
    let byte = bytes[index] as number;
    while (byte >= 0x30 && byte <= 0x39) {
      value = value * 10 + byte - 0x30;
      index += 1;
      byte = bytes[index] as number;
    }
    const digits = index - from;
    const whole = digits > 0 && byte !== 0x2e && byte !== 0x65;
    if (whole && digits <= 15) {
      if (digits > 1 && bytes[from] === 0x30) return this.fail();
      this.index = index;
      return;
    }
    this.longNumber(from);
  }

  private longNumber(from: number): void {
    let token = '';
    let index = from;
    for (; index - from < 32; index += 1) {
      const byte = this.bytes[index] as number;
      const part = (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65;
      if (!part) break;
      token += String.fromCharCode(byte);
    }
    const value = Number(token);
    if (token === '' || !Number.isFinite(value) || String(value) !== token) return this.fail();
    this.index = index;
  }
}

/** Length of a minimal escape (RFC 8785 section 3.2.2.2), or 0: another escape, or U+0000, which no store keeps. */
function escapeLength(bytes: Uint8Array, index: number): number {
  switch (bytes[index + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2;
    case 0x75: // u
      return isControlEscape(bytes, index + 2) ? 6 : 0;
    default:
      return 0;
  }
}

/** `001f` and its like: lower case, below 0x20, without a short form of their own, not zero. */
function isControlEscape(bytes: Uint8Array, index: number): boolean {
  if (bytes[index] !== 0x30 || bytes[index + 1] !== 0x30) return false;
  const high = bytes[index + 2] as number;
  const low = bytes[index + 3] as number;
  if (high !== 0x30 && high !== 0x31) return false;
  const digit = low >= 0x30 && low <= 0x39 ? low - 0x30 : low >= 0x61 && low <= 0x66 ? low - 0x57 : -1;
  if (digit < 0) return false;
  const code = (high - 0x30) * 16 + digit;
  return code !== 0 && code !== 8 && code !== 9 && code !== 10 && code !== 12 && code !== 13;
}

function keyOf(bytes: Uint8Array, from: number, to: number): string {
  const text = new TextDecoder().decode(bytes.subarray(from, to));
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
}
