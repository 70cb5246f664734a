import type { ErrorDescription } from './error-description.ts';
import { KAFKA_REFUSALS } from './kafka-codes.ts';

/** Refusals of one event: the same codes in an HTTP response and in a dead letter. */
export const EVENT_REFUSALS = {
  unauthenticated: {
    status: 401,
    title: 'Authentication failed',
    retry: 'never',
    action:
      'Pass an API key with `--key` or RECANT_API_KEY (over HTTP as a bearer token); create one with `recant keys create`. To act as a person, set RECANT_TOKEN or RECANT_PASSWORD (`recant password` sets a new one).',
  },
  mac_invalid: {
    status: 401,
    title: 'Message signature mismatch',
    retry: 'never',
    action: 'Sign the kind, a line feed and exactly the bytes of the message with the secret of the key in the `recant-key` header.',
  },
  ...KAFKA_REFUSALS,
  batch_empty: {
    status: 400,
    title: 'Empty batch',
    retry: 'never',
    action: 'Send at least one event, each on a line of its own.',
  },
  batch_too_long: {
    status: 413,
    title: 'Batch too large',
    retry: 'never',
    action: 'Split the batch.',
  },
  shard_mismatch: {
    status: 422,
    title: 'Event of another home shard',
    retry: 'never',
    action: 'Send the event in another batch: all events of a batch have one home shard, such as those of one source.',
  },
  role_missing: {
    status: 403,
    title: 'Missing role',
    retry: 'never',
    action: 'Use a key or sign in as a person with one of the roles that this operation requires.',
  },
  topic_not_allowed: {
    status: 403,
    title: 'Topic of another tenant',
    retry: 'never',
    action: 'Send to the topic of this key’s tenant.',
  },
  source_not_allowed: {
    status: 403,
    title: 'Source outside the key’s prefix',
    retry: 'never',
    action: 'Use a `source` under the prefix that this key was created for, or create a key for this source with `recant keys create`.',
  },
  agent_not_allowed: {
    status: 403,
    title: 'Agent not allowed for this key',
    retry: 'never',
    action: 'Send under an agent name that this key allows, or create a key for this agent with `recant keys create`.',
  },
  too_large: {
    status: 413,
    title: 'Event too large',
    retry: 'never',
    action: 'Send contents over the inline limit as parts, and split the effects into more chunks.',
  },
  too_deep: {
    status: 400,
    title: 'JSON nested too deeply',
    retry: 'never',
    action: 'Flatten the event, or send the nested content as a part.',
  },
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    retry: 'never',
    action: 'Send one JSON document in UTF-8 without a byte order mark.',
  },
  not_canonical: {
    status: 400,
    title: 'Non-canonical JSON',
    retry: 'never',
    action: 'Encode the event as RFC 8785 canonical JSON once, and resend those bytes unchanged.',
  },
  not_i_json: {
    status: 400,
    title: 'JSON outside I-JSON',
    retry: 'never',
    action: 'Remove duplicate names, lone surrogates, U+0000 and numbers outside the range of a double.',
  },
  schema_invalid: {
    status: 422,
    title: 'Event schema violation',
    retry: 'never',
    action: 'Correct the field that the detail names; compare the event with the JSON Schema of its type.',
  },
  version_unknown: {
    status: 422,
    title: 'Unknown event type version',
    retry: 'never',
    action: 'Send a version that this ledger supports, or upgrade the ledger.',
  },
  type_unknown: {
    status: 422,
    title: 'Unknown event type',
    retry: 'never',
    action: 'Send one of the event types that this ledger supports.',
  },
  resource_invalid: {
    status: 422,
    title: 'Invalid resource URI',
    retry: 'never',
    action: 'Write resources as `<connector>://<system>/<percent-encoded path>`.',
  },
  id_mismatch: {
    status: 422,
    title: 'Identifier mismatch',
    retry: 'never',
    action: 'Derive the event id from its action, attempt and kind, and a part digest from its salt and bytes.',
  },
  unstorable: {
    status: 422,
    title: 'Record rejected by the database',
    retry: 'never',
    action: 'Correct the value that the detail names, and send the event under a new id.',
  },
  equivocation: {
    status: 409,
    title: 'Event id already used',
    retry: 'never',
    action: 'Resend the bytes first sent under this id, or give the new event its own id.',
  },
  log_behind_source: {
    status: 409,
    title: 'Earlier events of this source missing',
    retry: 'never',
    action: 'The ledger was restored from an older copy: resend all retained events of this source, oldest first, then this one.',
  },
} as const satisfies Record<string, ErrorDescription>;
