export type ViolationCode =
  | 'index_gap'
  | 'frame_invalid'
  | 'frame_foreign'
  | 'leaf_mismatch'
  | 'head_mismatch'
  | 'received_at_falls'
  | 'genesis_missing'
  | 'genesis_misplaced'
  | 'event_invalid'
  | 'key_mismatch'
  | 'key_duplicate'
  | 'shard_foreign'
  | 'dead_letter_mismatch'
  | 'projection_missing'
  | 'projection_foreign'
  | 'projection_differs';

/** One broken rule, at one place. */
export interface Violation {
  readonly code: ViolationCode;
  readonly shard: number;
  readonly index?: bigint;
  readonly detail: string;
}
export type Report = (violation: Violation) => void;
