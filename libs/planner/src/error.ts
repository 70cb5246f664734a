/** The same codes as in the API: callers get them unchanged. */
export type PlannerErrorCode =
  | 'selection_invalid' // unknown field or invalid value
  | 'selection_empty' // no criterion: it would select everything
  | 'time_invalid' // not a whole number of milliseconds since 1970
  | 'window_empty' // from is not before to
  | 'override_unmatched' // the mode of a step is for no selected attempt
  | 'override_ambiguous' // two modes for one attempt
  | 'plan_too_large'; // over PLAN_ATTEMPTS_MAX or PLAN_EFFECTS_MAX

/** The only error class of the planner. Not retryable with the same input. */
export class PlannerError extends Error {
  override readonly name = 'PlannerError';
  readonly code: PlannerErrorCode;
  constructor(code: PlannerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
