import { TransparencyError } from '../error.ts';
import { SIZE_MAX } from '../limits.ts';

const DECIMAL = /^(?:0|[1-9][0-9]{0,18})$/;

/** Parses an ASCII decimal without sign or leading zeros, at most 2^63 - 1. @throws number_invalid */
export function parseDecimal(text: string, what: string): bigint {
  const value = DECIMAL.test(text) ? BigInt(text) : -1n;
  if (value < 0n || value > SIZE_MAX) {
    throw new TransparencyError(
      'number_invalid',
      `${what}: expected a decimal number from 0 to 2^63 - 1, got ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  return value;
}
