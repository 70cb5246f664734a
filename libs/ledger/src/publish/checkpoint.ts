import type { LogKey } from './ports.ts';

/** A signed checkpoint as the ledger stores it. */
export interface StoredCheckpoint {
  readonly epoch: number;
  readonly size: bigint;
  readonly root: Uint8Array;
  /** Milliseconds since 1970, UTC. */
  readonly signedAtMs: number;
  readonly note: Uint8Array;
}

/** The newest checkpoint of a log that one anchor or witness does not have yet. */
export interface OutgoingCheckpoint {
  readonly log: LogKey;
  readonly checkpoint: StoredCheckpoint;
}
