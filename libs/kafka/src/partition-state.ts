import type { OffsetRange } from './admin.ts';

/** The position in the store: the next offset to read. */
export interface StoredPosition {
  /** `<cluster id>/<topic id>`: what the offset refers to. */
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
  /** Identity of the topic when the stored position was last compared with the broker; undefined: never. */
  checked: string | undefined;
  /** Monotonic milliseconds. */
  committedAt: number;
}

export function createPartitionState(id: number): PartitionState {
  const unknown = { reason: undefined, expected: undefined, sought: undefined, high: undefined, checked: undefined };
  return { id, state: 'running', ...unknown, failures: 0, committedAt: 0 };
}

type Placement = { readonly kind: 'append'; readonly from: bigint } | { readonly kind: 'seek'; readonly to: bigint };

/** Milliseconds until the store is tried again: doubles from 250 ms to 5 s. */
export function retryDelayMs(failures: number): number {
  return Math.min(250 * 2 ** Math.max(0, failures - 1), 5_000);
}

const REST_MS_MAX = 100;

/**
 * Milliseconds until a partition that was read to its end is read again: twice its last append. Messages that trickle in are then appended together, and their
 * transactions, each of which waits for the disk, leave two thirds of the time to others.
 */
export function restMs(appendMs: number): number {
  return Math.min(2 * appendMs, REST_MS_MAX);
}

/** Why a stored position cannot be read from; undefined if it can. */
export function misfit(stored: StoredPosition, cluster: string, { low, high }: OffsetRange): string | undefined {
  if (stored.cluster !== cluster)
    return `ledger position belongs to cluster and topic ${stored.cluster}, connected to ${cluster}: the cluster or topic was recreated`;
  if (stored.next < low || stored.next > high)
    return `ledger position ${stored.next} is outside the broker's offsets ${low} to ${high}: messages were lost or the topic was recreated`;
  return undefined;
}

/** Decides whether a batch read from `fetched` is appended. kafkajs silently resets an offset that the broker no longer has, so only the stored position counts. */
export function placeBatch(expected: bigint, sought: bigint | undefined, fetched: bigint): Placement {
  if (fetched === expected) return { kind: 'append', from: expected };
  if (fetched > expected && sought === expected) return { kind: 'append', from: expected };
  return { kind: 'seek', to: expected };
}
