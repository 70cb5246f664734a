export type DataKeysErrorCode =
  /** The database has no key table, and this login cannot create it. */
  | 'unprepared'
  /** The database is unreachable or rejects writes; the same call may succeed later. */
  | 'store_unavailable'
  /** Wrapped under a master key that is not configured. */
  | 'master_key_unknown'
  /** A wrapped key was modified or moved to another row. */
  | 'wrapped_broken';

/** The message is one line: what is wrong, and what to do. Never contains a key. */
export class DataKeysError extends Error {
  override readonly name = 'DataKeysError';
  readonly code: DataKeysErrorCode;
  constructor(code: DataKeysErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
