import type { OffsetRange } from './admin.ts';

/** Where the store says that reading goes on. */
export interface StoredPosition {
  readonly cluster: string;
  readonly next: bigint;
}

/** `paused`: the store is away, it goes on by itself. `stopped`: a person has to look, see `reason`. */
export type LaneState = 'running' | 'paused' | 'stopped';

/** What this process knows of one partition. `expected` is what the store will compare with; undefined until it was read. */
export interface Lane {
  readonly partition: number;
  state: LaneState;
  reason: string | undefined;
  expected: bigint | undefined;
  /** Offset last sought: a batch that starts later than this, though sought, has nothing but control records before it. */
  sought: bigint | undefined;
  /** Failures of the store in a row. */
  failures: number;
}

export function createLane(partition: number): Lane {
  return { partition, state: 'running', reason: undefined, expected: undefined, sought: undefined, failures: 0 };
}

export type Placement =
  | { readonly kind: 'take'; readonly from: bigint }
  | { readonly kind: 'seek'; readonly to: bigint }
  | { readonly kind: 'stop'; readonly reason: string };

/** Milliseconds before the store is asked again: doubles, from 250 ms to 5 s. */
export function retryDelayMs(failures: number): number {
  return Math.min(250 * 2 ** Math.max(0, failures - 1), 5_000);
}

/**
 * Whether a batch that was read from `fetched` may be taken. kafkajs resets an offset that the broker does not hold and goes on elsewhere
 * without a word, so that nothing but the stored position counts, and a position out of range is for a person.
 */
export function placeBatch(expected: bigint, sought: bigint | undefined, fetched: bigint, range: OffsetRange): Placement {
  if (expected < range.low || expected > range.high) {
    return {
      kind: 'stop',
      reason: `the ledger is at offset ${expected}, the broker holds ${range.low} to ${range.high}: messages were lost or the topic was made anew`,
    };
  }
  if (fetched === expected) return { kind: 'take', from: expected };
  if (fetched > expected && sought === expected) return { kind: 'take', from: expected };
  return { kind: 'seek', to: expected };
}
