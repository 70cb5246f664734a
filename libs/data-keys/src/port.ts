import type { DataKey } from '@recant/events';

/**
 * Keys that seal parts, one or many a subject. `make` is the only way by which a key leaves: each call makes a new one, so that whoever may seal
 * can never open what others have sealed. Durable when it resolves. Who retries: the caller; a lost answer leaves a key that seals nothing.
 * A compromise of the store alone allows nothing without the master key; of both, reading every sealed part whose key was not destroyed before.
 */
export interface DataKeys {
  make(tenant: string, subject: string): Promise<DataKey>;
  /** The key that sealed a part, for whoever opens it. */
  find(tenant: string, keyId: string): Promise<FoundKey>;
  /**
   * Destroys all keys of a subject; nothing opens what they sealed from then on. Idempotent.
   * @returns how many it destroyed now.
   */
  destroy(tenant: string, subject: string): Promise<number>;
  /** Wraps under the master key of now whatever is wrapped under an earlier one. Safe beside everything else. @returns how many it wrapped */
  rewrap(): Promise<number>;
  /** One round trip. @throws where the store does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export type FoundKey =
  | { readonly kind: 'found'; readonly subject: string; readonly key: Uint8Array }
  | { readonly kind: 'destroyed'; readonly subject: string; readonly destroyedAtMs: number }
  | { readonly kind: 'unknown' };

/**
 * What wraps data keys: a key of this process, or a service that never gives its key out (a KMS: `Encrypt` and `Decrypt` with the context as
 * encryption context). Neither gives the same twice. A compromise allows opening whatever is in the store.
 */
export interface MasterKey {
  /** @param context says which key it is and whose; `unwrap` needs the same. */
  wrap(key: Uint8Array, context: string): Promise<Uint8Array>;
  /** @throws DataKeysError `wrapped_broken | master_key_unknown` */
  unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array>;
  /** Whether it was wrapped by what wraps now. */
  isCurrent(wrapped: Uint8Array): boolean;
}
