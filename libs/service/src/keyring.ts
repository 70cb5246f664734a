import type { Credential } from '@recant/ledger';

/** A key as it is checked. `secretHash`: SHA-256 of the API secret's bytes; `macSecret` signs Kafka messages. */
export interface KnownKey {
  readonly credential: Credential;
  readonly secretHash: Uint8Array;
  readonly macSecret: Uint8Array;
}

/** Keys by id. Asked for every request and every Kafka message: whoever implements it remembers, for seconds and not for longer. */
export interface Keyring {
  /** Undefined where there is no such key, or it was revoked. Rejects where the store does not answer. */
  find(keyId: string): Promise<KnownKey | undefined>;
}
