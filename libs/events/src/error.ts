/** Reasons why the bytes or the value of an event are invalid. The API's ERROR_CODES has advice for each. */
export type EventErrorCode =
  | 'too_large'
  | 'too_deep'
  | 'malformed_json'
  | 'not_canonical'
  | 'not_i_json'
  | 'schema_invalid'
  | 'version_unknown'
  | 'type_unknown'
  | 'resource_invalid'
  | 'id_mismatch';

/** The only error class of the protocol. Thrown to producers only; reading received bytes returns `Refused` instead. A retry with the same input fails again. */
export class EventError extends Error {
  override readonly name = 'EventError';
  readonly code: EventErrorCode;
  constructor(code: EventErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
