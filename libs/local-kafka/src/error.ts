export type LocalKafkaErrorCode =
  | 'disk_full'
  | 'folder_in_use'
  | 'jars_missing'
  | 'java_missing'
  | 'java_too_old'
  | 'maven_missing'
  | 'port_in_use'
  | 'start_failed';

/** Why a broker cannot run; the message is one line that says what to do. */
export class LocalKafkaError extends Error {
  override readonly name = 'LocalKafkaError';
  readonly code: LocalKafkaErrorCode;
  constructor(code: LocalKafkaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
