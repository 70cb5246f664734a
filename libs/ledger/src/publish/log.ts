import type { TileContent, TileReader } from '@recant/transparency';
import type { OutgoingCheckpoint, StoredCheckpoint } from './checkpoint.ts';
import type { LogKey } from './ports.ts';

/** A log's head and its last entry, from one snapshot. */
export interface LogFacts extends LogKey {
  readonly shards: number;
  readonly epoch: number;
  readonly size: bigint;
  readonly root: Uint8Array;
  readonly frontier: Uint8Array;
  /** The entry with the highest index; undefined for an empty log. */
  readonly last: { readonly index: bigint; readonly leaf: Uint8Array; readonly frame: Uint8Array } | undefined;
}

/**
 * One log within one transaction over one snapshot. A publisher owns the log's publishing lock until the transaction ends; appending continues meanwhile.
 * A crash before its end leaves nothing.
 */
export interface OpenLog {
  /** Which copy of the database this is: it differs after a restore or a failover. What was known with one says nothing about another. */
  readonly server: string;
  /** Undefined for a log without entries. */
  facts(): Promise<LogFacts | undefined>;
  /** Number of leaves covered by tiles. */
  integrated(epoch: number): Promise<bigint>;
  /** Stored leaf hashes [from, to), up to the first missing entry. */
  leaves(from: bigint, to: bigint): Promise<readonly Uint8Array[]>;
  /** @throws LedgerTampered `tiles_missing` */
  tiles(epoch: number): TileReader;
  putTiles(epoch: number, tiles: readonly TileContent[]): Promise<void>;
  /** The checkpoint with the largest size. */
  lastCheckpoint(epoch: number): Promise<StoredCheckpoint | undefined>;
  putCheckpoint(checkpoint: StoredCheckpoint): Promise<void>;
}

/** Store of the logs to publish. */
export interface PublishStore {
  /** Logs whose head differs from their last checkpoint. */
  unpublished(): Promise<readonly LogKey[]>;
  /** Logs with entries that have no tiles yet. */
  unintegrated(): Promise<readonly LogKey[]>;
  /**
   * Runs `work` in one transaction under the log's publishing lock, which is committed when it resolves.
   * @returns undefined where another replica has the lock and does the work.
   */
  publishing<T>(log: LogKey, work: (log: OpenLog) => Promise<T>): Promise<T | undefined>;
  /** Runs `work` in one transaction that only reads. */
  reading<T>(log: LogKey, work: (log: OpenLog) => Promise<T>): Promise<T>;
  /** Newest checkpoints of the logs' current epochs that are not marked for this anchor. */
  unanchored(anchor: string): Promise<readonly OutgoingCheckpoint[]>;
  /** Idempotent. */
  markAnchored(log: LogKey, checkpoint: StoredCheckpoint, anchor: string, atMs: number): Promise<void>;
  /** Newest checkpoints without a cosignature of this witness. */
  uncosigned(witness: string): Promise<readonly OutgoingCheckpoint[]>;
  /** Idempotent. @param lines of the note, without line breaks. */
  markCosigned(log: LogKey, checkpoint: StoredCheckpoint, witness: string, lines: readonly string[], atMs: number): Promise<void>;
}
