import type { Credential } from '@recant/ledger';

/** `secretHash`: SHA-256 of the API secret's bytes. `macSecret`: HMAC key of Kafka messages. */
export interface KnownKey {
  readonly credential: Credential;
  readonly secretHash: Uint8Array;
  readonly macSecret: Uint8Array;
  /** For people, to recognize the key. */
  readonly label?: string;
}

/** A revoked or expired key: it authenticates nobody, but still attributes a message or a refusal. */
export interface EndedKey extends Omit<KnownKey, 'credential'> {
  readonly ended: 'revoked' | 'expired';
  readonly was: Credential;
}

/** Keys by id. Never cached: a key ended by any process is seen by every later call. Called for each request and each Kafka batch. */
export interface Keyring {
  /** Undefined for an unknown key. Rejects if the store is unavailable. */
  find(keyId: string): Promise<KnownKey | EndedKey | undefined>;
}
