import { expect } from 'vitest';
import { TransparencyError, type TransparencyErrorCode } from '../src/index.ts';

/** Expects an error of this library with this code. */
export function expectCode(code: TransparencyErrorCode, act: () => unknown): void {
  expect(codeOf(act)).toBe(code);
}

/** Code of the thrown error; undefined if none. Rethrows errors of other classes. */
export function codeOf(act: () => unknown): TransparencyErrorCode | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof TransparencyError) return error.code;
    throw error;
  }
}

/** A copy with bit `bit` (modulo the length) flipped. */
export function flipOneBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = Math.floor(bit / 8) % copy.length;
  copy[at] = (copy[at] as number) ^ (1 << (bit % 8));
  return copy;
}
