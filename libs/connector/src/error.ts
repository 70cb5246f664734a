export type ConnectorErrorCode = 'options_invalid' | 'resource_invalid' | 'capture_refused' | 'not_prepared' | 'too_large' | 'unreachable';

/** The only error class of connectors. `retry`: the same call may succeed later without intervention. */
export class ConnectorError extends Error {
  override readonly name = 'ConnectorError';
  readonly code: ConnectorErrorCode;
  constructor(code: ConnectorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
  get retry(): boolean {
    return this.code === 'unreachable';
  }
}
