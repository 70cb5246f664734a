/** Codes are those of the API: what a planner refuses, a caller reads unchanged. */
export type PlannerErrorCode =
  | 'selection_invalid' // a field or value that the grammar does not know
  | 'selection_empty' // nothing narrows it: it would select everything
  | 'time_invalid' // not a whole number of milliseconds since 1970
  | 'window_empty' // from is not before to
  | 'plan_too_large'; // over PLAN_ATTEMPTS_MAX or PLAN_EFFECTS_MAX

/** The one error class of the planner. Never worth a retry with the same input. */
export class PlannerError extends Error {
  override readonly name = 'PlannerError';
  readonly code: PlannerErrorCode;
  constructor(code: PlannerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
