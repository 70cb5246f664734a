import type { Credential } from '@recant/ledger';

/** A key as it is checked. `secretHash`: SHA-256 of the API secret's bytes; `macSecret` signs Kafka messages. */
export interface KnownKey {
  readonly credential: Credential;
  readonly secretHash: Uint8Array;
  readonly macSecret: Uint8Array;
}

/** A key that lets nobody in any more: it only tells whose a message was. */
export interface EndedKey extends Omit<KnownKey, 'credential'> {
  readonly ended: 'revoked' | 'expired';
  readonly was: Credential;
}

/** Keys by id, as they are now: no answer is older than its question, whichever process ended the key. Asked for every request and every batch from Kafka. */
export interface Keyring {
  /** Undefined where there is no such key. Rejects where the store does not answer. */
  find(keyId: string): Promise<KnownKey | EndedKey | undefined>;
}
