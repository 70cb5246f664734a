export type RedactionErrorCode =
  /** A rule, or what is said of rules, is wrong. */
  | 'rules_invalid'
  /** A rule refuses what stands in `finding.place`. */
  | 'refused';

/** What a rule found: where, never what. */
export interface Finding {
  readonly rule: string;
  readonly place: string;
}

/** The one error class of redaction. Its message never holds a value. */
export class RedactionError extends Error {
  override readonly name = 'RedactionError';
  readonly code: RedactionErrorCode;
  /** With `refused`. */
  readonly finding: Finding | undefined;
  constructor(code: RedactionErrorCode, message: string, finding?: Finding) {
    super(message);
    this.code = code;
    this.finding = finding;
  }
}
