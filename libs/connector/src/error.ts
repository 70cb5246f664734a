export type ConnectorErrorCode =
  | 'options_invalid'
  | 'resource_invalid'
  | 'capture_refused'
  | 'not_prepared'
  | 'too_large'
  | 'unreachable'
  | 'already_connected' // another Recant captures this target
  | 'permission_denied' // the login lost, or never had, a right that the work needs
  | 'read_only' // a standby, or a server that refuses writes
  | 'locked' // somebody else's lock outlasted every try
  | 'disk_full'
  | 'capture_altered' // the capture in the target is not what was installed
  | 'attempts_undoable' // disconnecting would discard what an undo needs
  | 'tail_lost'; // the target was restored to a state before events that the ledger recorded

const RETRIED: readonly ConnectorErrorCode[] = ['unreachable', 'read_only', 'locked', 'disk_full'];

/** The only error class of connectors. `retry`: the same call may succeed later without intervention. */
export class ConnectorError extends Error {
  override readonly name = 'ConnectorError';
  readonly code: ConnectorErrorCode;
  constructor(code: ConnectorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
  get retry(): boolean {
    return RETRIED.includes(this.code);
  }
}
