export type StoreErrorCode =
  | 'url_invalid'
  | 'unreachable'
  | 'access_refused'
  | 'migration_failed'
  | 'roles_missing'
  | 'store_unavailable'
  | 'projection_behind'
  | 'position_moved'
  | 'not_found'
  | 'already_exists'
  | 'cursor_invalid'
  | 'seal_broken'
  | 'shards_changed'
  | 'key_inactive'
  | 'too_many';

/** The store's error class. The message is one line: what is wrong, and what to do. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
  /** Whether the same call may succeed later without intervention. */
  get retry(): boolean {
    return this.code === 'store_unavailable' || this.code === 'unreachable' || this.code === 'projection_behind';
  }
}

/** Nothing was committed, or the outcome is unknown: appending the same batch again is safe, committed events are recognised as duplicates. */
export class StoreUnavailable extends StoreError {
  override readonly name = 'StoreUnavailable';
  constructor(message: string, options?: ErrorOptions) {
    super('store_unavailable', message, options);
  }
}

/** The batch was read from a position that differs from the stored one. Nothing was committed: seek to `expected` and read again. */
export class PositionMoved extends StoreError {
  override readonly name = 'PositionMoved';
  /** Offset to resume from; undefined if no position was ever stored. */
  readonly expected: bigint | undefined;
  /** Cluster of the stored position. */
  readonly cluster: string | undefined;
  constructor(message: string, expected: bigint | undefined, cluster: string | undefined) {
    super('position_moved', message);
    this.expected = expected;
    this.cluster = cluster;
  }
}
