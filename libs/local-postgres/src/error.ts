export type LocalPostgresErrorCode =
  | 'binaries_missing'
  | 'disk_full'
  | 'folder_in_use'
  | 'password_missing'
  | 'port_in_use'
  | 'root_refused'
  | 'start_failed'
  | 'stopped'
  | 'version_mismatch';

/** Why a server cannot run; the message is one line that says what to do. Retrying does not help. */
export class LocalPostgresError extends Error {
  override readonly name = 'LocalPostgresError';
  readonly code: LocalPostgresErrorCode;
  constructor(code: LocalPostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
