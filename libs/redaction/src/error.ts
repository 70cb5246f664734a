export type RedactionErrorCode =
  /** Invalid rules or options. */
  | 'rules_invalid'
  /** A rule with the treatment `refuse` matched at `finding.place`. */
  | 'refused';

/** The place of a match, without the value. */
export interface Finding {
  readonly rule: string;
  readonly place: string;
}

/** The only error class of redaction. Its message never contains a value. */
export class RedactionError extends Error {
  override readonly name = 'RedactionError';
  readonly code: RedactionErrorCode;
  /** Present for `refused`. */
  readonly finding: Finding | undefined;
  constructor(code: RedactionErrorCode, message: string, finding?: Finding) {
    super(message);
    this.code = code;
    this.finding = finding;
  }
}
