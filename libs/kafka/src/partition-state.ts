import type { OffsetRange } from './admin.ts';

/** The position in the store: the next offset to read. */
export interface StoredPosition {
  readonly cluster: string;
  readonly next: bigint;
}

/** `paused`: the store is unavailable; reading resumes by itself. `stopped`: needs an operator, see `reason`. */
export type ReadState = 'running' | 'paused' | 'stopped';

/** What this process knows of one partition. */
export interface PartitionState {
  readonly id: number;
  state: ReadState;
  reason: string | undefined;
  /** The position that the store will compare with; undefined until it was read. */
  expected: bigint | undefined;
  /** Last offset sought: a batch that starts after it has only control records before its first message. */
  sought: bigint | undefined;
  /** Consecutive failures of the store. */
  failures: number;
  /** The broker's end of the partition when it was last read. */
  high: bigint | undefined;
  /** Monotonic milliseconds. */
  committedAt: number;
}

export function createPartitionState(id: number): PartitionState {
  return { id, state: 'running', reason: undefined, expected: undefined, sought: undefined, failures: 0, high: undefined, committedAt: 0 };
}

type Placement =
  | { readonly kind: 'append'; readonly from: bigint }
  | { readonly kind: 'seek'; readonly to: bigint }
  | { readonly kind: 'stop'; readonly reason: string };

/** Milliseconds until the store is tried again: doubles from 250 ms to 5 s. */
export function retryDelayMs(failures: number): number {
  return Math.min(250 * 2 ** Math.max(0, failures - 1), 5_000);
}

/**
 * Decides whether a batch read from `fetched` is appended. kafkajs silently resets an offset that the broker no longer has, so only the stored
 * position counts; a position outside the broker's range stops the partition.
 */
export function placeBatch(expected: bigint, sought: bigint | undefined, fetched: bigint, range: OffsetRange): Placement {
  if (expected < range.low || expected > range.high) {
    return {
      kind: 'stop',
      reason: `ledger position ${expected} is outside the broker's offsets ${range.low} to ${range.high}: messages were lost or the topic was recreated`,
    };
  }
  if (fetched === expected) return { kind: 'append', from: expected };
  if (fetched > expected && sought === expected) return { kind: 'append', from: expected };
  return { kind: 'seek', to: expected };
}
