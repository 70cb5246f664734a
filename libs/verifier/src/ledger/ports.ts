import type { JsonObject } from '@recant/events';

/** A log's head as stored. */
export interface StoredHead {
  readonly shard: number;
  readonly shards: number;
  readonly epoch: number;
  readonly size: bigint;
  readonly root: Uint8Array;
  readonly frontier: Uint8Array;
  /** Milliseconds since 1970, UTC. */
  readonly receivedAtLastMs: number;
}

export interface StoredEntry {
  readonly shard: number;
  readonly index: bigint;
  readonly sourceNo: number | undefined;
  readonly eventId: string | undefined;
  readonly sequence: number | undefined;
  readonly leaf: Uint8Array;
  readonly frame: Uint8Array;
}

export interface StoredDeadLetter {
  readonly shard: number;
  readonly index: bigint;
  readonly code: string;
  readonly detail: string;
  readonly origin: string;
  readonly keyId: string;
  readonly digest: Uint8Array;
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
}

export type ProjectionTable = 'attempt' | 'settlement' | 'effect' | 'observed' | 'effect_count';

/** One projected row: every column except tenant, shard and index. */
export interface StoredProjection {
  readonly table: ProjectionTable;
  readonly shard: number;
  readonly index: bigint;
  readonly columns: JsonObject;
}

/** Stored sums of one row of `effect_count`. */
export interface StoredEffectSum {
  readonly shard: number;
  readonly index: bigint;
  /** Identifies the attempt and the shard. */
  readonly key: string;
  readonly reported: number;
  readonly observed: number;
  readonly reportedSum: number;
  readonly observedSum: number;
}

/** A signed checkpoint as stored. */
export interface StoredNote {
  readonly shard: number;
  readonly epoch: number;
  readonly size: bigint;
  readonly note: Uint8Array;
}

/** Content of a part, stored outside the event. */
export interface StoredContent {
  /** Lower-case hex. */
  readonly digest: string;
  readonly salt: Uint8Array;
  readonly bytes: Uint8Array;
}

/** One tenant's ledger at one point in time. All lists ascend by (shard, index). A compromised snapshot can hide rows; it cannot make changed entries sound, because roots are recomputed. */
export interface LedgerSnapshot {
  heads(): Promise<readonly StoredHead[]>;
  /** Through which entry the read models of each log are said to be complete, by shard. */
  projected(): Promise<ReadonlyMap<number, bigint>>;
  /** Sources by number. */
  sources(): Promise<ReadonlyMap<number, { readonly source: string; readonly shard: number }>>;
  entries(): AsyncIterable<StoredEntry>;
  deadLetters(): AsyncIterable<StoredDeadLetter>;
  projections(table: ProjectionTable): AsyncIterable<StoredProjection>;
  /** Ascending by attempt, shard and index. */
  effectSums(): AsyncIterable<StoredEffectSum>;
  /** Ascending by shard, size and epoch. */
  checkpoints(): AsyncIterable<StoredNote>;
  /** In any order. */
  parts(): AsyncIterable<StoredContent>;
}
