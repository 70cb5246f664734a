import type { VerifierKey } from '@recant/transparency';

/** Bytes of an origin; a longer one matches no key. */
const ORIGIN_BYTES_MAX = 1_024;

/**
 * The keys that may sign for an origin: those named like the origin or a parent path (`example.org/ledger` signs for
 * `example.org/ledger/tenant/0/e1`). Only the longest matching name counts, so that a parent's key cannot sign for a path with a key of its own.
 * @returns undefined if no known key matches
 */
export function keysFor(origin: string, known: readonly VerifierKey[]): readonly VerifierKey[] | undefined {
  if (Buffer.byteLength(origin) > ORIGIN_BYTES_MAX) return undefined;
  const above = known.filter(({ name }) => origin === name || origin.startsWith(`${name}/`));
  const length = Math.max(...above.map(({ name }) => name.length));
  const keys = above.filter(({ name }) => name.length === length);
  return keys.length === 0 ? undefined : keys;
}
