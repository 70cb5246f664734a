import type { Appender } from '@recant/ledger';

/** A part that stands beside its event. The digest was checked. */
export interface StoredPart {
  readonly digest: string;
  readonly salt: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface PartStore {
  /** Idempotent by digest; all or nothing. */
  putParts(tenant: string, parts: readonly StoredPart[]): Promise<void>;
}

export type { Appender };
