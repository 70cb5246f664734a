import type { Credential } from '@recant/ledger';

/** A key as the store knows it. `secretHash` is the SHA-256 of the API secret's bytes; `macSecret` signs Kafka messages. */
export interface KnownKey {
  readonly credential: Credential;
  readonly secretHash: Uint8Array;
  readonly macSecret: Uint8Array;
}

export interface Keyring {
  /** The key, or undefined. Rejects where the store does not answer. */
  find(keyId: string): Promise<KnownKey | undefined>;
  forget(keyId: string): void;
}

/** Milliseconds for which a found key, or a key that was not found, is believed. A revoked key works at most this long. */
export const KEY_TTL_MS = 5_000;
/** Keys kept; the least lately read goes first. Unknown ids take places too, so that guessing costs the store nothing more than this. */
export const KEYS_MAX = 4_096;

/** Remembers keys for KEY_TTL_MS and asks once for many who want the same one. A failed look-up is not remembered. */
export function createKeyring(find: (keyId: string) => Promise<KnownKey | undefined>, now: () => number, ttlMs = KEY_TTL_MS): Keyring {
  const kept = new Map<string, { readonly until: number; readonly key: Promise<KnownKey | undefined> }>();
  return {
    find(keyId) {
      const hit = kept.get(keyId);
      if (hit && hit.until > now()) return hit.key;
      const key = find(keyId);
      kept.delete(keyId);
      kept.set(keyId, { until: now() + ttlMs, key });
      key.catch(() => kept.delete(keyId));
      const oldest = kept.size > KEYS_MAX ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
      return key;
    },
    forget(keyId) {
      kept.delete(keyId);
    },
  };
}
