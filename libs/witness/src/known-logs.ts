import type { VerifierKey } from '@recant/transparency';

/** Bytes of an origin; a longer one is no log of anybody's. */
export const ORIGIN_BYTES_MAX = 1_024;

/**
 * The keys that speak for an origin: those whose name is the origin, or a path above it (`example.org/ledger` signs for
 * `example.org/ledger/tenant/0/e1`). Of several such names the longest decides alone, so that a key made for a part cannot be overruled from above.
 * @returns undefined where the origin is of no known key
 */
export function keysFor(origin: string, known: readonly VerifierKey[]): readonly VerifierKey[] | undefined {
  if (Buffer.byteLength(origin) > ORIGIN_BYTES_MAX) return undefined;
  const above = known.filter(({ name }) => origin === name || origin.startsWith(`${name}/`));
  const length = Math.max(...above.map(({ name }) => name.length));
  const keys = above.filter(({ name }) => name.length === length);
  return keys.length === 0 ? undefined : keys;
}
