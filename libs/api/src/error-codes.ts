import { ALARM_ERROR_CODES } from './alarm-codes.ts';
import { CONNECTION_ERROR_CODES } from './connection-codes.ts';
import type { ErrorDescription } from './error-description.ts';
import { FENCE_ERROR_CODES } from './fence-codes.ts';
import { FREEZE_ERROR_CODES } from './freeze-codes.ts';
import { EVENT_REFUSALS } from './refusal-codes.ts';
import { ROLLBACK_ERROR_CODES } from './rollback-codes.ts';

/** Refusals of a request. */
const REQUEST_ERRORS = {
  caller_type_not_allowed: {
    status: 403,
    title: 'Caller type not allowed',
    retry: 'never',
    action: 'Send events with an API key; sign in as a person for operations that require a person, such as `recant approve`.',
  },
  request_invalid: {
    status: 400,
    title: 'Invalid request',
    retry: 'never',
    action: 'Correct the parameter that the detail names; see `recant COMMAND --help` or GET /v1/openapi.json.',
  },
  cursor_invalid: {
    status: 400,
    title: 'Invalid cursor',
    retry: 'never',
    action: 'Pass the `next` cursor of the previous page unchanged, with the same filters.',
  },
  time_invalid: {
    status: 400,
    title: 'Invalid time',
    retry: 'never',
    action:
      'Write ISO 8601 with a zone (`2026-03-01T14:00:00Z`, `2026-03-01T14:00+02:00`), or a duration before now (`90s`, `2h`, `1h30m`, `3d`, `PT2H`).',
  },
  time_zone_missing: {
    status: 400,
    title: 'Missing time zone',
    retry: 'never',
    action: 'Add the zone: `Z` for UTC, or an offset such as `+02:00`.',
  },
  window_empty: {
    status: 400,
    title: 'Empty time window',
    retry: 'never',
    action: 'Set `from` earlier than `to`; the window includes `from` and excludes `to`.',
  },
  agent_unknown: {
    status: 404,
    title: 'Unknown agent',
    retry: 'never',
    action: 'Check the spelling; list agents with recorded actions with `recant actions list`.',
  },
  attempt_not_unknown: {
    status: 409,
    title: 'Outcome of the attempt is known',
    retry: 'never',
    action:
      'Only an attempt whose outcome is unknown can be settled. An open one is unknown from its deadline on (`recant actions show ACTION`); before, it can be settled once its process has closed its source or is silent past its lease (`recant sources`).',
  },
  attempt_ambiguous: {
    status: 409,
    title: 'Several attempts match',
    retry: 'never',
    action: 'Name one: `recant actions settle ACTION --attempt N` (and `--source URI`, if two sources used one action id).',
  },
  action_unknown: {
    status: 404,
    title: 'Unknown action',
    retry: 'never',
    action: 'Check the id; list the actions of this tenant with `recant actions list`.',
  },
  part_digest_mismatch: {
    status: 400,
    title: 'Part digest mismatch',
    retry: 'never',
    action: 'Send the salt of the part as `recant-salt`, and the SHA-256 of salt and bytes in the path.',
  },
  part_unknown: {
    status: 404,
    title: 'Unknown part',
    retry: 'never',
    action: 'Copy the digest from the event that references the part (`recant actions show ACTION`). Parts are stored before their event.',
  },
  part_not_sealed: {
    status: 409,
    title: 'Part not sealed',
    retry: 'never',
    action: 'Read it with `recant parts show DIGEST` or GET /v1/parts/{digest}.',
  },
  part_erased: {
    status: 410,
    title: 'Part erased',
    retry: 'never',
    action:
      'Do not retry: the encryption key was destroyed, so the content is unreadable. The entry that references it and its proofs remain valid.',
  },
  part_unreadable: {
    status: 422,
    title: 'Part decryption failed',
    retry: 'never',
    action:
      'Compare its digest with the event: the part was altered, was sealed for another subject, or its key is in another key database.',
  },
  body_too_large: {
    status: 413,
    title: 'Request body too large',
    retry: 'never',
    action: 'Send smaller requests.',
  },
  media_type_unsupported: {
    status: 415,
    title: 'Unsupported media type',
    retry: 'never',
    action: 'Send the media type that GET /v1/openapi.json lists for this operation, without content encoding.',
  },
  route_unknown: {
    status: 404,
    title: 'Unknown path',
    retry: 'never',
    action: 'Check the path against GET /v1/openapi.json.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    retry: 'never',
    action: 'Check the methods of this path in GET /v1/openapi.json.',
  },
  key_time_invalid: {
    status: 400,
    title: 'Invalid key lifetime',
    retry: 'never',
    action: 'Write a duration from now (`12h`, `90d`; an overlap may be `0`), or for `expires` a future time in ISO 8601 with a zone.',
  },
  resource_pattern_invalid: {
    status: 400,
    title: 'Invalid resource pattern',
    retry: 'never',
    action: 'Write a resource (`postgres://shop/public.orders/42`), a prefix with `*` (`postgres://shop/*`), or `*` for all resources.',
  },
  key_inactive: {
    status: 409,
    title: 'Key ended or already rotated',
    retry: 'never',
    action: 'Rotate its successor (`recant keys list` shows it), or create a new key with `recant keys create`.',
  },
  key_maker_unknown: {
    status: 409,
    title: 'Nobody on record for the key that makes the key',
    retry: 'never',
    action: 'Sign in to make the key, or use a key that `recant keys list` shows people for.',
  },
  key_unknown: {
    status: 404,
    title: 'Unknown key',
    retry: 'never',
    action: 'Check the id; list the keys of this tenant with `recant keys list`.',
  },
  not_published: {
    status: 404,
    title: 'Not published',
    retry: 'never',
    action: 'Read the checkpoint first: only entries that it covers are published. A new entry is covered after about a second.',
  },
  epoch_not_needed: {
    status: 409,
    title: 'Epoch not needed',
    retry: 'never',
    action: 'Continue without one: the log continues from everything that was signed and anchored.',
  },
  epoch_limit_reached: {
    status: 409,
    title: 'Epoch limit reached',
    retry: 'never',
    action: 'Check that the anchors belong to this ledger: they already have the maximum number of epochs of this log.',
  },
  origin_unknown: {
    status: 404,
    title: 'Unknown log origin',
    retry: 'never',
    action: 'Check the origin, or ask the witness’s operator to add the ledger’s key.',
  },
  checkpoint_unsigned: {
    status: 403,
    title: 'Missing checkpoint signature',
    retry: 'never',
    action: 'Sign the checkpoint with a key that the witness trusts for this log.',
  },
  checkpoint_inconsistent: {
    status: 422,
    title: 'Inconsistent checkpoint',
    retry: 'never',
    action: 'Compare the log with the last checkpoint that the witness cosigned: either the proof is wrong, or history was changed.',
  },
} as const satisfies Record<string, ErrorDescription>;

/** Conditions of the service. Nothing of the request was recorded. */
const SERVICE_ERRORS = {
  rate_limited: {
    status: 429,
    title: 'Rate limit reached',
    retry: 'after',
    action: 'Retry the same request after Retry-After seconds; then send fewer or smaller requests.',
  },
  password_throttled: {
    status: 429,
    title: 'Too many failed password attempts',
    retry: 'after',
    action: 'Retry after Retry-After seconds, or set a new password with `recant password`. API keys still work.',
  },
  identity_unavailable: {
    status: 503,
    title: 'Identity provider unreachable',
    retry: 'after',
    action: 'Retry after Retry-After seconds. If it persists, check RECANT_OIDC_ISSUER. API keys still work.',
  },
  store_unavailable: {
    status: 503,
    title: 'Database unreachable',
    retry: 'after',
    action:
      'Retry the same request after Retry-After seconds. If it persists, check that PostgreSQL is running and DATABASE_URL is correct.',
  },
  store_full: {
    status: 503,
    title: 'Database disk full',
    retry: 'after',
    action: 'Free space on the PostgreSQL volume, then retry the same request. Nothing was partially written.',
  },
  projection_behind: {
    status: 503,
    title: 'Lists are behind the log',
    retry: 'after',
    action:
      'Retry after Retry-After seconds: nothing recorded is lost, and lists and plans never leave it out. If it persists, see `recant alarms` (`projection_behind`, `projection_stopped`).',
  },
  receipt_pending: {
    status: 503,
    title: 'Receipt pending',
    retry: 'after',
    action: 'Retry after Retry-After seconds: the event is recorded, but no checkpoint covers it yet.',
  },
  ledger_tampered: {
    status: 503,
    title: 'Log integrity check failed',
    retry: 'after',
    action: 'Tell the ledger’s operator: the log accepts no events until a person has investigated (`recant verify`).',
  },
  signing_not_configured: {
    status: 503,
    title: 'Signing not configured',
    retry: 'after',
    action: 'Ask the ledger’s operator to set RECANT_SIGNING_KEY_FILE.',
  },
  sealing_not_configured: {
    status: 503,
    title: 'Sealing not configured',
    retry: 'never',
    action: 'Ask the ledger’s operator to set RECANT_KEYS_DATABASE_URL.',
  },
  witness_full: {
    status: 503,
    title: 'Witness log limit reached',
    retry: 'after',
    action: 'Ask the witness’s operator to raise the limit, or use another witness.',
  },
  shutting_down: {
    status: 503,
    title: 'Service shutting down',
    retry: 'after',
    action: 'Retry the same request; the restarted service will accept it.',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    retry: 'safe',
    action: 'Retry the same request. If it persists, report it with the request id of the response.',
  },
} as const satisfies Record<string, ErrorDescription>;

/** Every error code of every service. A released code is never renamed. */
export const ERROR_CODES = {
  ...EVENT_REFUSALS,
  ...REQUEST_ERRORS,
  ...SERVICE_ERRORS,
  ...ALARM_ERROR_CODES,
  ...FENCE_ERROR_CODES,
  ...FREEZE_ERROR_CODES,
  ...ROLLBACK_ERROR_CODES,
  ...CONNECTION_ERROR_CODES,
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}
