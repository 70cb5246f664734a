import { hash } from 'node:crypto';

/** First half of the advisory locks of keys. Any fixed number. */
const LOCK_CLASS = 7_265_638;
/** Bounds what one batch of many keys takes of the server's lock table. Two keys with one lock wait for each other, no more. */
const LOCKS = 64;

/**
 * Whoever appends under a key holds its lock with others until COMMIT; whoever ends a key holds it alone, so that the end is answered only after
 * every transaction that still took the key for valid. What appends later waits for the end and then sees it. Advisory locks rather than the row's:
 * nothing is written for them, and they are fair, while a row that is always locked FOR SHARE by somebody could never be revoked.
 */
export function shareKeysStatement(keyIds: readonly string[]): string {
  // Ascending, as every other batch: two of them never wait for each other in a ring.
  const locks = [...new Set(keyIds.map(lockOf))].sort((one, other) => one - other);
  return `SELECT pg_advisory_xact_lock_shared(${LOCK_CLASS}, n) FROM unnest(ARRAY[${locks}]::int[]) AS n`;
}

/** Both halves of the lock that `pg_advisory_xact_lock` is to take before a key is ended. */
export function keyLockOf(keyId: string): readonly [number, number] {
  return [LOCK_CLASS, lockOf(keyId)];
}

function lockOf(keyId: string): number {
  return (hash('sha256', keyId, 'buffer')[0] as number) % LOCKS;
}
