export type RunnerErrorCode =
  | 'ledger_unavailable' // no acknowledgement: nothing may be undone
  | 'event_refused' // the ledger refuses an event of the run: its key or this program is wrong
  | 'claim_lost'; // another worker has the run

/** The one error class of the runner. `ledger_unavailable` is worth a retry, the others need somebody. */
export class RunnerError extends Error {
  override readonly name = 'RunnerError';
  readonly code: RunnerErrorCode;
  constructor(code: RunnerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
