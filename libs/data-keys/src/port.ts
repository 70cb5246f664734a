import type { DataKey } from '@recant/events';

/**
 * Keys that seal parts, one or more per subject. `make` creates a new key each time, so that a client allowed to seal can never open parts sealed
 * by others. Durable when it resolves. The caller retries; a lost answer leaves an unused key.
 * A compromise of the store alone reveals nothing without the master key; of both, every sealed part whose key was not destroyed before.
 */
export interface DataKeys {
  make(tenant: string, subject: string): Promise<DataKey>;
  /** The key that sealed a part, for opening it. */
  find(tenant: string, keyId: string): Promise<FoundKey>;
  /**
   * Destroys all keys of a subject: parts sealed under them can never be opened again. Idempotent.
   * @returns keys destroyed by this call
   */
  destroy(tenant: string, subject: string): Promise<number>;
  /** Wraps keys of earlier master keys under the current one. Safe concurrently with all other calls. @returns keys wrapped */
  rewrap(): Promise<number>;
  /** One round trip. @throws if the store is unavailable */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export type FoundKey =
  | { readonly kind: 'found'; readonly subject: string; readonly key: Uint8Array }
  | { readonly kind: 'destroyed'; readonly subject: string; readonly destroyedAtMs: number }
  | { readonly kind: 'unknown' };

/**
 * Wraps data keys: a key in this process, or a key management service (`Encrypt` and `Decrypt` with the context as encryption context). Wrapping is
 * randomised. A compromise allows unwrapping every key in the store.
 */
export interface MasterKey {
  /** @param context identifies the key and its owner; `unwrap` needs the same */
  wrap(key: Uint8Array, context: string): Promise<Uint8Array>;
  /** @throws DataKeysError `wrapped_broken | master_key_unknown` */
  unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array>;
  /** True if wrapped under the current master key. */
  isCurrent(wrapped: Uint8Array): boolean;
}
