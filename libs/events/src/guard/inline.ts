import { toUtf8 } from '../bytes.ts';
import { canonicalize } from '../canonical.ts';
import type { JsonValue } from '../json.ts';
import { INLINE_BYTES_MAX } from '../limits.ts';
import { NONE, OPEN_BRACE, scanValue } from '../scan.ts';
import { type Guard, isObject } from './guard.ts';
import { problem } from './problem.ts';

export const inlineObject: Guard = {
  check: (value) => (fitsInline(value) ? undefined : problem(`a JSON object of at most ${INLINE_BYTES_MAX} canonical bytes`)),
  scan(bytes, index, depthLeft) {
    const end = bytes[index] === OPEN_BRACE ? scanValue(bytes, index, depthLeft) : NONE;
    return end - index > INLINE_BYTES_MAX ? NONE : end;
  },
};

/** Whether a value is a JSON object of at most INLINE_BYTES_MAX canonical bytes. */
export function fitsInline(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (upperBound(value, INLINE_BYTES_MAX) <= INLINE_BYTES_MAX) return true;
  try {
    return toUtf8(canonicalize(value as JsonValue)).length <= INLINE_BYTES_MAX;
  } catch {
    return false;
  }
}

/** A cheap upper bound of the canonical bytes; infinite past `left` and for anything that is not JSON. A character has at most 6 bytes (\\u001f). */
function upperBound(value: unknown, left: number): number {
  if (left < 0) return Number.POSITIVE_INFINITY;
  if (typeof value === 'string') return value.isWellFormed() ? value.length * 6 + 2 : Number.POSITIVE_INFINITY;
  if (typeof value === 'number') return Number.isFinite(value) ? 25 : Number.POSITIVE_INFINITY;
  if (value === null || typeof value === 'boolean') return 5;
  if (typeof value !== 'object') return Number.POSITIVE_INFINITY;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && bytes <= left; index += 1) bytes += 1 + upperBound(value[index], left - bytes);
    return bytes;
  }
  for (const key of Object.keys(value)) {
    bytes += key.length * 6 + 4;
    bytes += upperBound((value as Record<string, unknown>)[key], left - bytes);
    if (bytes > left) break;
  }
  return bytes;
}
