import type { TileContent, TileReader } from '@recant/transparency';
import type { OutgoingCheckpoint, StoredCheckpoint } from './checkpoint.ts';
import type { LogKey } from './ports.ts';

/** A log's head and its last entry, read at one moment. */
export interface LogFacts extends LogKey {
  readonly shards: number;
  readonly epoch: number;
  readonly size: bigint;
  readonly root: Uint8Array;
  readonly frontier: Uint8Array;
  /** The entry of the highest index; undefined where there is none. */
  readonly last: { readonly index: bigint; readonly leaf: Uint8Array; readonly frame: Uint8Array } | undefined;
}

/**
 * One log, read and published from within one transaction that sees one moment. Whoever publishes holds the log's publishing lock until the transaction
 * ends; appending goes on meanwhile. A crash before its end leaves nothing of it.
 */
export interface OpenLog {
  /** Undefined where nothing was ever appended. */
  facts(): Promise<LogFacts | undefined>;
  /** Leaves that tiles cover. */
  integrated(epoch: number): Promise<bigint>;
  /** Leaf hashes [from, to) as stored with the entries, as many as there are without a hole. */
  leaves(from: bigint, to: bigint): Promise<readonly Uint8Array[]>;
  /** @throws LedgerTampered `tiles_missing` */
  tiles(epoch: number): TileReader;
  putTiles(epoch: number, tiles: readonly TileContent[]): Promise<void>;
  /** The one of the largest size. */
  lastCheckpoint(epoch: number): Promise<StoredCheckpoint | undefined>;
  putCheckpoint(checkpoint: StoredCheckpoint): Promise<void>;
}

/** Where logs are published from. */
export interface PublishStore {
  /** Logs whose head is not what was last signed of them. */
  unpublished(): Promise<readonly LogKey[]>;
  /** Logs whose tiles are not those of their head. */
  unintegrated(): Promise<readonly LogKey[]>;
  /**
   * Runs `work` in one transaction under the log's publishing lock, which is committed when it resolves.
   * @returns undefined where another replica holds the lock: it does the work.
   */
  publishing<T>(log: LogKey, work: (log: OpenLog) => Promise<T>): Promise<T | undefined>;
  /** Runs `work` in one transaction that only reads. */
  reading<T>(log: LogKey, work: (log: OpenLog) => Promise<T>): Promise<T>;
  /** Newest checkpoints that are not marked for this anchor, of logs that are at that epoch. */
  unanchored(anchor: string): Promise<readonly OutgoingCheckpoint[]>;
  /** Idempotent. */
  markAnchored(log: LogKey, checkpoint: StoredCheckpoint, anchor: string, atMs: number): Promise<void>;
  /** Newest checkpoints that this witness has not cosigned. */
  uncosigned(witness: string): Promise<readonly OutgoingCheckpoint[]>;
  /** Idempotent. @param lines of the note, without line breaks. */
  markCosigned(log: LogKey, checkpoint: StoredCheckpoint, witness: string, lines: readonly string[], atMs: number): Promise<void>;
}
