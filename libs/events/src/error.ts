/** What can be wrong with the bytes or the value of an event. Each has its own advice in `adviceOf`. */
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

/** What the sender has to do about a refusal. */
const ADVICE: Record<EventErrorCode, string> = {
  too_large: 'Move arguments and results over INLINE_BYTES_MAX into parts, and split effects into more chunks.',
  too_deep: 'Flatten the data, or send the deep value as a part.',
  malformed_json: 'Send one complete JSON value as UTF-8 without a byte order mark.',
  not_canonical: 'Send the RFC 8785 form: sorted keys, no white space, shortest numbers, minimal escapes.',
  not_i_json: 'Remove duplicate keys, lone surrogates, U+0000 and numbers outside the range of a double.',
  schema_invalid: 'Compare the event with the JSON Schema of its type.',
  version_unknown: 'Send a version that this ledger knows, or update the ledger.',
  type_unknown: 'Use one of the recant.* event types.',
  resource_invalid: 'Write resources as <connector>://<system>/<percent-encoded path>.',
  id_mismatch: 'Derive the id from the data: <action>.<attempt>.intended, .effects.<n>, .settled, heartbeat.<n>, plan.<id>.created.',
};

export function adviceOf(code: EventErrorCode): string {
  return ADVICE[code];
}
