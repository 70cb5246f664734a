import { hash } from 'node:crypto';

/** First half of the keys' advisory locks. Any fixed number. */
const LOCK_CLASS = 7_265_638;
/** Bounds the locks of one batch with many keys. Two keys that share a lock only wait for each other. */
const LOCKS = 64;

/**
 * An append takes its keys' locks shared until COMMIT; ending a key takes its lock exclusively. So an end completes only after every transaction that read
 * the key as valid, and later appends wait for the end and see it. Advisory locks instead of row locks: they write nothing and are fair, while a row
 * permanently locked FOR SHARE could never be revoked.
 */
export function shareKeysStatement(keyIds: readonly string[]): string {
  // Ascending in every batch: prevents deadlocks.
  const locks = [...new Set(keyIds.map(lockOf))].sort((one, other) => one - other);
  return `SELECT pg_advisory_xact_lock_shared(${LOCK_CLASS}, n) FROM unnest(ARRAY[${locks}]::int[]) AS n`;
}

/** Both halves of the lock for `pg_advisory_xact_lock` when ending a key. */
export function keyLockOf(keyId: string): readonly [number, number] {
  return [LOCK_CLASS, lockOf(keyId)];
}

function lockOf(keyId: string): number {
  return (hash('sha256', keyId, 'buffer')[0] as number) % LOCKS;
}
