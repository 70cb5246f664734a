import { expect } from 'vitest';
import { TransparencyError, type TransparencyErrorCode } from '../src/index.ts';

/** That it throws this library's error with this code. */
export function expectCode(code: TransparencyErrorCode, act: () => unknown): void {
  expect(codeOf(act)).toBe(code);
}

/** The code of what is thrown; undefined where nothing is. Another kind of error is thrown on. */
export function codeOf(act: () => unknown): TransparencyErrorCode | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof TransparencyError) return error.code;
    throw error;
  }
}

/** A copy with bit `bit` (counted around) the other way. */
export function flipOneBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = Math.floor(bit / 8) % copy.length;
  copy[at] = (copy[at] as number) ^ (1 << (bit % 8));
  return copy;
}
