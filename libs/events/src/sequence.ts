import { EventError } from './error.ts';
import { SEQUENCE_DIGITS } from './limits.ts';

/** The CloudEvents `sequence` of the n-th event of a source, n from 1. */
export function formatSequence(n: number): string {
  if (!Number.isSafeInteger(n) || n < 1)
    throw new EventError('schema_invalid', `Invalid sequence: expected a whole number from 1, got ${n}.`);
  return String(n).padStart(SEQUENCE_DIGITS, '0');
}

/** Parses a sequence; undefined if it is malformed. */
export function parseSequence(text: string): number | undefined {
  return isSequence(text) ? Number(text) : undefined;
}

export function isSequence(text: string): boolean {
  if (text.length !== SEQUENCE_DIGITS) return false;
  for (let index = 0; index < SEQUENCE_DIGITS; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x30 || code > 0x39) return false;
  }
  const n = Number(text);
  return n >= 1 && n <= Number.MAX_SAFE_INTEGER;
}
