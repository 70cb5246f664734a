export type DataKeysErrorCode =
  /** The database has no table of keys, and this login may not make one. */
  | 'unprepared'
  /** The database does not answer, or takes nothing now: the same call may succeed later. */
  | 'store_unavailable'
  /** Wrapped under a master key that was not given. */
  | 'master_key_unknown'
  /** A wrapped key was changed, or stands in another key's place. */
  | 'wrapped_broken';

/** The one error class of this lib. The message is one line that says what is wrong and what to do; no key is ever part of it. */
export class DataKeysError extends Error {
  override readonly name = 'DataKeysError';
  readonly code: DataKeysErrorCode;
  constructor(code: DataKeysErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
