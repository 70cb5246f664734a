import { bytesOf, decodeString, matches, NONE, QUOTE, scanString } from '../scan.ts';
import { type Problem, problem } from './problem.ts';

/**
 * The rule for one place of an event, in two forms: `check` takes a value and reports the problem, `scan` takes bytes and allocates nothing.
 * Invariant: `scan` accepts exactly the canonical bytes of the values that `check` accepts, except that it does not check UTF-8 in strings.
 */
export interface Guard {
  check(value: unknown): Problem | undefined;
  /** @returns the index after the value that begins at `index`, or NONE. @param depthLeft number of arrays and objects that may still be opened */
  scan(bytes: Uint8Array, index: number, depthLeft: number): number;
}

/** Scans unescaped text (printable ASCII without quote and backslash) from `from`. @returns the index after it, or NONE */
export type Plain = (bytes: Uint8Array, from: number) => number;

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string that a predicate accepts. @param plain fast path: accepts most of what the predicate accepts, and nothing else */
export function text(expected: string, accepts: (text: string) => boolean, plain?: Plain, code?: Problem['code']): Guard {
  return {
    check: (value) => (typeof value === 'string' && accepts(value) ? undefined : problem(expected, code)),
    scan(bytes, index) {
      if (bytes[index] !== QUOTE) return NONE;
      const plainEnd = plain === undefined ? NONE : plain(bytes, index + 1);
      if (plainEnd !== NONE && bytes[plainEnd] === QUOTE) return plainEnd + 1;
      const end = scanString(bytes, index);
      return end !== NONE && accepts(decodeString(bytes, index, end)) ? end : NONE;
    },
  };
}

/** A whole number from `min` to `max`, inclusive. @param min at least 0 */
export function integer(min: number, max: number): Guard {
  return {
    check: (value) =>
      Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
        ? undefined
        : problem(`a whole number from ${min} to ${max}`),
    scan(bytes, start) {
      let value = 0;
      let index = start;
      for (; ; index += 1) {
        const digit = (bytes[index] as number) - 0x30;
        // Past the end `digit` is NaN. A value over 2^53 stays over it, so rounding does no harm.
        if (!(digit >= 0 && digit <= 9) || value > max) break;
        value = value * 10 + digit;
      }
      const isCanonical = index > start && (bytes[start] !== 0x30 || index === start + 1);
      return isCanonical && value >= min && value <= max ? index : NONE;
    },
  };
}

export const flag: Guard = {
  check: (value) => (typeof value === 'boolean' ? undefined : problem('true or false')),
  scan: (bytes, index) => (matches(bytes, index, TRUE) ? index + TRUE.length : matches(bytes, index, FALSE) ? index + FALSE.length : NONE),
};

/** @param values printable ASCII without quote and backslash */
export function oneOf(values: readonly string[]): Guard {
  const set = new Set<unknown>(values);
  const texts = values.map((value) => bytesOf(`"${value}"`));
  return {
    check: (value) => (set.has(value) ? undefined : problem(`one of ${values.join(', ')}`)),
    scan(bytes, index) {
      for (let n = 0; n < texts.length; n += 1) {
        const text = texts[n] as Uint8Array;
        if (matches(bytes, index, text)) return index + text.length;
      }
      return NONE;
    },
  };
}

export function orNull({ check, scan }: Guard): Guard {
  return {
    check: (value) => (value === null ? undefined : check(value)),
    scan: (bytes, index, depthLeft) => (matches(bytes, index, NULL) ? index + NULL.length : scan(bytes, index, depthLeft)),
  };
}

const TRUE = bytesOf('true');
const FALSE = bytesOf('false');
const NULL = bytesOf('null');
