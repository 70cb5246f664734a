/** What can be wrong with the bytes or the value of an event. Advice for each is in the API's ERROR_CODES. */
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

/** The one error class of the protocol: thrown to producers, never while reading what somebody else sent. Never worth a retry with the same input. */
export class EventError extends Error {
  override readonly name = 'EventError';
  readonly code: EventErrorCode;
  constructor(code: EventErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
