export type RunnerErrorCode =
  | 'ledger_unavailable' // no acknowledgement, so nothing may be undone
  | 'event_refused' // the ledger refused an event of the run: wrong key, or a defect
  | 'plan_changed' // a step in the store is not the approved one
  | 'claim_lost'; // another worker claimed the run

/** The only error class of the runner. Retryable: `ledger_unavailable`. The others need a person. */
export class RunnerError extends Error {
  override readonly name = 'RunnerError';
  readonly code: RunnerErrorCode;
  constructor(code: RunnerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
