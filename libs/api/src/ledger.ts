import { BATCH_BYTES_MAX, EVENT_BYTES_MAX, NAME_BYTES_MAX, PART_BYTES_MAX, RESOURCE_BYTES_MAX } from '@recant/events';
import { z } from 'zod';
import { PageQuery, pageOf } from './page.ts';
import { Role } from './role.ts';
import { route } from './route.ts';

export const EVENT_MEDIA_TYPE = 'application/cloudevents+json';
export const BATCH_MEDIA_TYPE = 'application/cloudevents-batch+json';

const name = z.string().min(1).max(NAME_BYTES_MAX);
const names = z.array(name).max(100).optional();
/** JSON numbers: an index stays far below 2^53. */
const index = z.int().min(0);
const shard = z.int().min(0);
const instant = z.string().meta({ description: 'ISO 8601 in UTC with milliseconds.', example: '2026-03-01T14:00:00.000Z' });
const CloudEvent = z
  .looseObject({ specversion: z.literal('1.0'), id: name, source: name, type: name })
  .meta({ id: 'CloudEvent', description: 'RFC 8785 bytes of a Recant event; see the JSON Schemas of @recant/events.' });

export const ReceiptBody = z
  .object({
    kind: z.enum(['appended', 'duplicate', 'refused']),
    shard: shard.optional(),
    index: index.optional().meta({ description: 'Of the first entry with this source and id; of the dead letter, for an equivocation.' }),
    code: z.string().optional(),
    detail: z.string().optional(),
    action: z.string().optional(),
  })
  .meta({ id: 'Receipt' });
export type ReceiptBody = z.infer<typeof ReceiptBody>;

export const BatchReceipts = z.object({ receipts: z.array(ReceiptBody) }).meta({ id: 'BatchReceipts' });
export type BatchReceipts = z.infer<typeof BatchReceipts>;

export const submitEvents = route({
  operationId: 'submitEvents',
  method: 'post',
  path: '/v1/events',
  tag: 'events',
  summary: 'Record one event, or a batch of them',
  description:
    'Answered after the commit. One event: 201 with its index, 200 where it was recorded before, 4xx with a problem document. A batch: 200 with one receipt an event, in order; refused ones do not hold up the others. Send the same bytes again after any lost answer.',
  roles: ['emit', 'rollback'],
  body: { kind: 'raw', bytesMax: BATCH_BYTES_MAX, content: { [EVENT_MEDIA_TYPE]: CloudEvent, [BATCH_MEDIA_TYPE]: z.array(CloudEvent) } },
  responses: {
    200: { description: 'A batch, or one event that was recorded before', schema: z.union([ReceiptBody, BatchReceipts]) },
    201: { description: 'One event, recorded now', schema: ReceiptBody },
  },
  errors: [
    'too_large',
    'too_deep',
    'malformed_json',
    'not_canonical',
    'not_i_json',
    'schema_invalid',
    'version_unknown',
    'type_unknown',
    'resource_invalid',
    'id_mismatch',
    'source_foreign',
    'agent_foreign',
    'equivocation',
    'unstorable',
    'batch_too_long',
    'media_type_unsupported',
    'store_full',
  ],
});

export const putPart = route({
  operationId: 'putPart',
  method: 'put',
  path: '/v1/parts/{digest}',
  tag: 'events',
  summary: 'Keep the bytes of a part, before the event that names it',
  roles: ['emit', 'rollback'],
  params: z.object({
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: 'SHA-256 of salt and bytes, lower-case hex.' }),
  }),
  headers: z.object({
    'recant-salt': z
      .string()
      .regex(/^[A-Za-z0-9_-]{22}$/)
      .meta({ description: 'base64url of 16 random bytes.' }),
  }),
  body: { kind: 'raw', bytesMax: PART_BYTES_MAX, content: { 'application/octet-stream': z.string().meta({ format: 'binary' }) } },
  responses: { 204: { description: 'Kept, now or before' } },
  errors: ['part_unfit', 'store_full'],
});

/** One grammar of selections for API, CLI and console: fields are and-ed, values of one field or-ed. */
export const attemptFilters = {
  agent: names.meta({ description: 'Exact agent names.' }),
  session: names,
  trace: names.meta({ description: 'W3C trace ids.' }),
  tool: names,
  resource: z
    .array(z.string().min(1).max(RESOURCE_BYTES_MAX))
    .max(100)
    .optional()
    .meta({ description: 'Resource URIs, exact or ending in `*`.' }),
  outcome: names.meta({ description: '`open`, `succeeded`, `failed`, `denied`, `suspended`, `unknown` or `contested`.' }),
  from: z.string().max(64).optional().meta({ description: 'ISO 8601 with a zone, or how long ago: `2h`, `PT15M`. Included.' }),
  to: z.string().max(64).optional().meta({ description: 'As `from`. Not included.' }),
  clock: z
    .enum(['received', 'claimed'])
    .optional()
    .meta({ description: 'Whose clock the window is about: the ledger’s (default) or the producer’s.' }),
};

export const AttemptBody = z
  .object({
    source: z.string(),
    action: z.string(),
    attempt: z.int(),
    agent: z.string(),
    tool: z.string(),
    session: z.string().optional(),
    trace: z.string().optional(),
    status: z.string().meta({ description: 'Computed from the events: `open`, an outcome, `unknown` or `contested`.' }),
    reversibility: z.string(),
    effects: z.int().meta({ description: 'Effects that the settlement counts; 0 while there is none.' }),
    intendedAt: instant.meta({ description: 'By the producer’s clock.' }),
    receivedAt: instant.meta({ description: 'By the ledger’s clock.' }),
    settledAt: instant.optional(),
    key: z.string().meta({ description: 'Id of the key it came in under.' }),
    shard,
    index,
  })
  .meta({ id: 'Attempt' });
export type AttemptBody = z.infer<typeof AttemptBody>;
export const AttemptPage = pageOf(AttemptBody)
  .extend({ tail: z.string().meta({ description: 'Cursor of a list of what is appended after this page was made.' }) })
  .meta({ id: 'AttemptPage' });
export type AttemptPage = z.infer<typeof AttemptPage>;

export const listAttempts = route({
  operationId: 'listAttempts',
  method: 'get',
  path: '/v1/attempts',
  tag: 'attempts',
  summary: 'Attempts, newest first',
  description: 'Pages by cursor: what is appended meanwhile neither repeats nor hides an attempt that was there at the first page.',
  roles: ['view', 'plan', 'execute', 'export', 'administer', 'rollback'],
  query: z.object({ ...attemptFilters, ...PageQuery, order: z.enum(['newest', 'oldest']).optional() }),
  responses: { 200: { description: 'A page', schema: AttemptPage } },
  errors: ['time_invalid', 'time_zone_missing', 'window_empty', 'agent_unknown', 'cursor_invalid'],
});

export const RecordedEventBody = z
  .object({ shard, index, receivedAt: instant, key: z.string(), event: z.looseObject({}).meta({ description: 'The event as recorded.' }) })
  .meta({ id: 'RecordedEvent' });
export type RecordedEventBody = z.infer<typeof RecordedEventBody>;
/** `effects` counts what was recorded, whether or not a settlement counts it too. */
export const ActionAttempt = AttemptBody.extend({
  complete: z.boolean().meta({ description: 'All chunks that the settlement counts are in, and the digest fits.' }),
  events: z.array(RecordedEventBody),
}).meta({ id: 'ActionAttempt' });
export type ActionAttempt = z.infer<typeof ActionAttempt>;
export const ActionBody = z.object({ action: z.string(), attempts: z.array(ActionAttempt) }).meta({ id: 'Action' });
export type ActionBody = z.infer<typeof ActionBody>;

export const showAction = route({
  operationId: 'showAction',
  method: 'get',
  path: '/v1/actions/{action}',
  tag: 'attempts',
  summary: 'All attempts of one action, with their events and effects',
  roles: ['view', 'plan', 'execute', 'export', 'administer', 'rollback'],
  params: z.object({ action: name }),
  responses: { 200: { description: 'The action', schema: ActionBody } },
  errors: ['action_unknown'],
});

export const LogBody = z
  .object({
    shard,
    shards: z.int(),
    epoch: z.int(),
    size: index,
    root: z.string().meta({ description: 'Merkle root over the entries, lower-case hex (RFC 6962).' }),
  })
  .meta({ id: 'Log' });
export const LogList = z.object({ items: z.array(LogBody) }).meta({ id: 'LogList' });
export type LogList = z.infer<typeof LogList>;

export const listLogs = route({
  operationId: 'listLogs',
  method: 'get',
  path: '/v1/logs',
  tag: 'ledger',
  summary: 'The logs of this tenant: size and Merkle root of each',
  roles: ['view', 'export', 'administer', 'rollback'],
  responses: { 200: { description: 'One log a shard that was used', schema: LogList } },
});

export const DeadLetterBody = z
  .object({
    shard,
    index,
    code: z.string(),
    detail: z.string(),
    origin: z.string(),
    key: z.string().meta({ description: 'Id of the key; empty where the sender could not be identified.' }),
    size: z.int(),
    digest: z.string().meta({ description: 'SHA-256 of the raw bytes, lower-case hex.' }),
    receivedAt: instant,
    bytes: z.string().meta({ description: 'The raw bytes, base64.' }),
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetterBody = z.infer<typeof DeadLetterBody>;
export const DeadLetterPage = pageOf(DeadLetterBody).meta({ id: 'DeadLetterPage' });

export const listDeadLetters = route({
  operationId: 'listDeadLetters',
  method: 'get',
  path: '/v1/dead-letters',
  tag: 'ledger',
  summary: 'Messages that could not be recorded, kept whole, in the order of their logs',
  roles: ['view', 'administer'],
  query: z.object(PageQuery),
  responses: { 200: { description: 'A page', schema: DeadLetterPage } },
  errors: ['cursor_invalid'],
});

const KeyFields = {
  roles: z.array(Role).min(1).max(7),
  sourcePrefix: z.string().min(1).max(NAME_BYTES_MAX).meta({ description: 'Sources are this, or below it.', example: 'recant://pricing' }),
  agents: z.array(name).max(100).meta({ description: 'Agents it may speak for: exact, or ending in `*`.' }),
  resources: z
    .array(z.string().min(1).max(RESOURCE_BYTES_MAX))
    .max(100)
    .meta({ description: 'Resources whose effects may be undone when claimed under this key: exact, or ending in `*`.' }),
};
export const KeyBody = z
  .object({ keyId: z.string(), label: z.string(), ...KeyFields, createdAt: instant, revokedAt: instant.optional() })
  .meta({ id: 'Key' });
export type KeyBody = z.infer<typeof KeyBody>;
export const KeyList = z.object({ items: z.array(KeyBody) }).meta({ id: 'KeyList' });
export type KeyList = z.infer<typeof KeyList>;
export const CreateKeyBody = z.strictObject({ ...KeyFields, label: z.string().max(NAME_BYTES_MAX).optional() }).meta({ id: 'CreateKey' });
export type CreateKeyBody = z.infer<typeof CreateKeyBody>;
export const CreatedKey = z
  .object({
    keyId: z.string(),
    apiKey: z.string().meta({ description: 'The key itself: shown here, once, and kept nowhere.' }),
    ...KeyFields,
  })
  .meta({ id: 'CreatedKey' });
export type CreatedKey = z.infer<typeof CreatedKey>;

export const listKeys = route({
  operationId: 'listKeys',
  method: 'get',
  path: '/v1/keys',
  tag: 'keys',
  summary: 'The keys of this tenant, without their secrets',
  roles: ['administer'],
  responses: { 200: { description: 'All keys, the revoked ones too', schema: KeyList } },
});
export const createKey = route({
  operationId: 'createKey',
  method: 'post',
  path: '/v1/keys',
  tag: 'keys',
  summary: 'Make a key for this tenant',
  description: 'The role `rollback` is the rollback service’s own and is given to no key made here.',
  roles: ['administer'],
  body: { kind: 'json', schema: CreateKeyBody, bytesMax: 262_144 },
  responses: { 201: { description: 'The key, shown once', schema: CreatedKey } },
});
export const revokeKey = route({
  operationId: 'revokeKey',
  method: 'delete',
  path: '/v1/keys/{keyId}',
  tag: 'keys',
  summary: 'Revoke a key',
  description: 'Other processes believe it for a few seconds more.',
  roles: ['administer'],
  params: z.object({ keyId: name }),
  responses: { 204: { description: 'Revoked, now or before' } },
  errors: ['key_unknown'],
});

/** Every route of the ledger service. */
export const LEDGER_ROUTES = [
  submitEvents,
  putPart,
  listAttempts,
  showAction,
  listLogs,
  listDeadLetters,
  listKeys,
  createKey,
  revokeKey,
] as const;

/** Bytes of one event, for callers that split batches. */
export const SINGLE_EVENT_BYTES_MAX = EVENT_BYTES_MAX;
