import type { ErrorDescription } from './error-description.ts';
import { ROLLBACK_ERROR_CODES } from './rollback-codes.ts';

/** Refusals of one event: the same codes over HTTP and in a dead letter. */
const EVENT_REFUSALS = {
  unauthenticated: {
    status: 401,
    title: 'Not authenticated',
    retry: 'never',
    action:
      'Give a key made by `recant keys create` that has not ended, or a token for people where they sign in; either goes into the header Authorization, after the word Bearer.',
  },
  mac_invalid: {
    status: 401,
    title: 'Signature does not fit the bytes',
    retry: 'never',
    action: 'Sign exactly the bytes of the message with the secret of the key that is named beside it.',
  },
  role_missing: {
    status: 403,
    title: 'Not with these roles',
    retry: 'never',
    action: 'Use a key that has one of the roles the request needs, or sign in as somebody who has.',
  },
  topic_not_allowed: {
    status: 403,
    title: 'Topic of another tenant',
    retry: 'never',
    action: 'Send to the topic of this key’s tenant.',
  },
  source_not_allowed: {
    status: 403,
    title: 'Source of another key',
    retry: 'never',
    action: 'Start `source` with the prefix this key was made for.',
  },
  agent_not_allowed: {
    status: 403,
    title: 'Agent of another key',
    retry: 'never',
    action: 'Send as an agent that this key was made for, or make a key for this agent.',
  },
  too_large: {
    status: 413,
    title: 'Event too large',
    retry: 'never',
    action: 'Send contents over the inline limit as parts beside the event, and effects in more chunks.',
  },
  too_deep: { status: 400, title: 'Nested too deeply', retry: 'never', action: 'Flatten the event, or send the nested content as a part.' },
  malformed_json: { status: 400, title: 'Not JSON', retry: 'never', action: 'Send one JSON document in UTF-8, without a byte order mark.' },
  not_canonical: {
    status: 400,
    title: 'Not canonical JSON',
    retry: 'never',
    action: 'Encode the event with RFC 8785 once, and send those bytes unchanged every time.',
  },
  not_i_json: {
    status: 400,
    title: 'Not I-JSON',
    retry: 'never',
    action: 'Leave out duplicate names, lone surrogates, U+0000 and numbers that a double cannot hold.',
  },
  schema_invalid: {
    status: 422,
    title: 'Event does not fit its schema',
    retry: 'never',
    action: 'Compare the event with the JSON Schema of its type.',
  },
  version_unknown: {
    status: 422,
    title: 'Unknown version of an event type',
    retry: 'never',
    action: 'Send a version that this ledger knows, or update the ledger.',
  },
  type_unknown: { status: 422, title: 'Unknown event type', retry: 'never', action: 'Send one of the event types that this ledger knows.' },
  resource_invalid: {
    status: 422,
    title: 'Not a resource URI',
    retry: 'never',
    action: 'Write resources as `<connector>://<system>/<path>`.',
  },
  id_mismatch: {
    status: 422,
    title: 'Identifier does not fit the content',
    retry: 'never',
    action: 'Derive the event id from its action, attempt and kind, and a part digest from its salt and bytes.',
  },
  unstorable: {
    status: 422,
    title: 'The database does not take this record',
    retry: 'never',
    action: 'Correct what the detail names, and send it under a new id.',
  },
  equivocation: {
    status: 409,
    title: 'Another event has this id',
    retry: 'never',
    action: 'Send the bytes first sent under this id, or give the new event an id of its own.',
  },
  source_behind: {
    status: 409,
    title: 'The log does not have what came before',
    retry: 'never',
    action: 'The ledger was set back to an older copy: send again all that is kept of this source, oldest first, and then this.',
  },
} as const satisfies Record<string, ErrorDescription>;

/** Refusals of a request, whatever it is about. */
const REQUEST_ERRORS = {
  caller_type_not_allowed: {
    status: 403,
    title: 'Not for this kind of caller',
    retry: 'never',
    action: 'Send events with a key. What only a person may do asks for somebody who has signed in.',
  },
  request_invalid: {
    status: 400,
    title: 'Request does not fit its description',
    retry: 'never',
    action: 'Compare the request with GET /v1/openapi.json.',
  },
  cursor_invalid: {
    status: 400,
    title: 'Not a cursor of this list',
    retry: 'never',
    action: 'Send the `next` of the previous page unchanged, with the same filters.',
  },
  time_invalid: {
    status: 400,
    title: 'Not a time',
    retry: 'never',
    action:
      'Write ISO 8601 with a zone (`2026-03-01T14:00:00Z`, `2026-03-01T14:00+02:00`), or how long ago (`90s`, `15m`, `2h`, `3d`, `PT2H`).',
  },
  time_zone_missing: {
    status: 400,
    title: 'Time without a zone',
    retry: 'never',
    action: 'Add the zone: `Z` for UTC, or an offset such as `+02:00`.',
  },
  window_empty: {
    status: 400,
    title: '`from` is not before `to`',
    retry: 'never',
    action: 'Give a `from` earlier than `to`; the window is from `from` up to, not including, `to`.',
  },
  agent_unknown: {
    status: 404,
    title: 'Unknown agent',
    retry: 'never',
    action: 'Check the spelling; `recant actions list` shows the agents that have sent something.',
  },
  action_unknown: {
    status: 404,
    title: 'Unknown action',
    retry: 'never',
    action: 'Check the id; `recant actions list` shows the actions of this tenant.',
  },
  part_digest_mismatch: {
    status: 400,
    title: 'Part does not fit its address',
    retry: 'never',
    action: 'Send the salt of the part as `recant-salt` and its SHA-256 of salt and bytes in the path.',
  },
  part_unknown: {
    status: 404,
    title: 'No such part',
    retry: 'never',
    action: 'Take the digest from the event that names the part; a part is kept before its event.',
  },
  part_not_sealed: { status: 409, title: 'The part is not sealed', retry: 'never', action: 'Read it with GET /v1/parts/{digest}.' },
  part_erased: {
    status: 410,
    title: 'Erased: its key was destroyed',
    retry: 'never',
    action: 'Nobody can read it any more. The entry that names it, and every proof of it, stay valid.',
  },
  part_unreadable: {
    status: 422,
    title: 'The part does not open under its key',
    retry: 'never',
    action: 'Compare its digest with the event: it was changed, sealed for another subject, or its key is not in this store of keys.',
  },
  batch_too_long: { status: 413, title: 'Too many events in one batch', retry: 'never', action: 'Split the batch.' },
  body_too_large: { status: 413, title: 'Body too large', retry: 'never', action: 'Send less at once.' },
  media_type_unsupported: {
    status: 415,
    title: 'Media type not taken here',
    retry: 'never',
    action: 'Send the media type that GET /v1/openapi.json names for this request, without content encoding.',
  },
  route_unknown: { status: 404, title: 'No such address', retry: 'never', action: 'GET /v1/openapi.json lists every address.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed here',
    retry: 'never',
    action: 'GET /v1/openapi.json lists the methods of every address.',
  },
  key_time_invalid: {
    status: 400,
    title: 'Not a time for a key',
    retry: 'never',
    action: 'Write how long from now on (`12h`, `90d`; an overlap may be `0`), or for `expires` a time to come in ISO 8601 with a zone.',
  },
  resource_pattern_invalid: {
    status: 400,
    title: 'Not a pattern of resources',
    retry: 'never',
    action: 'Write a resource (`postgres://shop/public.orders/42`), the beginning of one and a `*` (`postgres://shop/*`), or `*` for all.',
  },
  key_inactive: {
    status: 409,
    title: 'The key has ended, or has a successor already',
    retry: 'never',
    action: 'Rotate the successor that GET /v1/keys names, or make a new key.',
  },
  key_unknown: { status: 404, title: 'Unknown key', retry: 'never', action: 'List the keys of this tenant with GET /v1/keys.' },
  tlog_unknown: {
    status: 404,
    title: 'Not published',
    retry: 'never',
    action: 'Read the checkpoint first: only what it covers is there. A new entry is covered after about a second.',
  },
  epoch_refused: {
    status: 409,
    title: 'No new epoch is needed',
    retry: 'never',
    action: 'Go on as it is: the log continues what was signed and anchored of it.',
  },
  origin_unknown: {
    status: 404,
    title: 'Not a log of this witness',
    retry: 'never',
    action: 'Ask whoever runs the witness to add the key of the ledger, or check the origin.',
  },
  checkpoint_unsigned: {
    status: 403,
    title: 'No valid signature of a known key of this log',
    retry: 'never',
    action: 'Sign the checkpoint with a key that the witness was given for this log.',
  },
  checkpoint_inconsistent: {
    status: 422,
    title: 'Not the same log any more',
    retry: 'never',
    action: 'Compare the log with the last checkpoint that the witness cosigned: either the proof is wrong, or history was changed.',
  },
} as const satisfies Record<string, ErrorDescription>;

/** The service cannot take it now, or at all. Nothing of the request was kept. */
const SERVICE_ERRORS = {
  rate_limited: {
    status: 429,
    title: 'Too many at once from this key or tenant',
    retry: 'after',
    action: 'Send the same again after Retry-After seconds, and fewer or smaller requests from then on.',
  },
  password_throttled: {
    status: 429,
    title: 'Too many wrong passwords',
    retry: 'after',
    action: 'Wait for Retry-After seconds; `recant password` makes a new one. Keys are taken meanwhile.',
  },
  identity_unavailable: {
    status: 503,
    title: 'The identity provider does not answer',
    retry: 'after',
    action: 'Send the same again after Retry-After seconds. If it stays so, check RECANT_OIDC_ISSUER. Keys are taken meanwhile.',
  },
  overloaded: { status: 429, title: 'Too much at once', retry: 'after', action: 'Send the same again after Retry-After seconds.' },
  store_unavailable: {
    status: 503,
    title: 'The store does not answer',
    retry: 'after',
    action: 'Send the same again after Retry-After seconds. If it stays so, check that PostgreSQL runs and that DATABASE_URL is right.',
  },
  store_full: {
    status: 503,
    title: 'The disk of the store is full',
    retry: 'after',
    action: 'Free space on the volume of PostgreSQL; nothing was half written, and the same request will then be taken.',
  },
  receipt_pending: {
    status: 503,
    title: 'Recorded, and not yet under a checkpoint',
    retry: 'after',
    action: 'Ask again after Retry-After seconds.',
  },
  ledger_tampered: {
    status: 503,
    title: 'The log is not what it was',
    retry: 'after',
    action: 'Tell whoever runs the ledger: nothing is appended on top of it before a person has looked.',
  },
  not_signing: {
    status: 503,
    title: 'This ledger has no signing key',
    retry: 'after',
    action: 'Ask whoever runs it to set RECANT_SIGNING_KEY_FILE.',
  },
  sealing_off: {
    status: 503,
    title: 'This ledger keeps no keys that seal',
    retry: 'never',
    action: 'Ask whoever runs it to set RECANT_KEYS_DATABASE_URL.',
  },
  witness_full: {
    status: 503,
    title: 'The witness takes no more logs',
    retry: 'after',
    action: 'Ask whoever runs the witness to let it take more logs, or use another one.',
  },
  shutting_down: { status: 503, title: 'Shutting down', retry: 'after', action: 'Send the same again; a restarted service will take it.' },
  internal: {
    status: 500,
    title: 'Internal error',
    retry: 'safe',
    action: 'Send the same again. If it stays so, report it with the request id in the answer.',
  },
} as const satisfies Record<string, ErrorDescription>;

/** Every code that leaves a service, in one table. Codes are never renamed. */
export const ERROR_CODES = { ...EVENT_REFUSALS, ...REQUEST_ERRORS, ...SERVICE_ERRORS, ...ROLLBACK_ERROR_CODES } as const;
export type ErrorCode = keyof typeof ERROR_CODES;

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}
