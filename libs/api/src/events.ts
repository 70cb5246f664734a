import { BATCH_BYTES_MAX, MEDIA_TYPE_BATCH, MEDIA_TYPE_EVENT, PART_BYTES_MAX } from '@recant/events';
import { z } from 'zod';
import { index, name, shard } from './field.ts';
import { route } from './route.ts';

const CloudEvent = z
  .looseObject({ specversion: z.literal('1.0'), id: name, source: name, type: name })
  .meta({ id: 'CloudEvent', description: 'RFC 8785 bytes of a Recant event; see the JSON Schemas of @recant/events.' });

const EventBatch = z.string().meta({
  id: 'EventBatch',
  description:
    'One or more events, each on a line: the RFC 8785 bytes of a CloudEvent, then LF (optional after the last). All of sources with the same home shard, such as those of one source. At most 2,000 events.',
});

export const ReceiptBody = z
  .object({
    kind: z.enum(['appended', 'duplicate', 'refused']),
    shard: shard.optional(),
    index: index.optional().meta({
      description:
        'Index of the first entry with this source and id. If the event was refused and stored as a dead letter (id already used, or not allowed for the key): the index of the dead letter.',
    }),
    code: z.string().optional(),
    detail: z.string().optional(),
    action: z.string().optional(),
    fence: z.uuid().optional().meta({
      description: 'Of an intent with the code `fenced`: it is recorded at this index, and its tool must not run.',
    }),
  })
  .meta({ id: 'Receipt' });
export type ReceiptBody = z.infer<typeof ReceiptBody>;

export const BatchReceipts = z.object({ receipts: z.array(ReceiptBody) }).meta({ id: 'BatchReceipts' });
export type BatchReceipts = z.infer<typeof BatchReceipts>;

export const submitEvents = route({
  operationId: 'submitEvents',
  callers: 'keys',
  record: 'none',
  method: 'post',
  path: '/v1/events',
  tag: 'events',
  summary: 'Record one event, or a batch of them',
  description:
    'Responds after the commit. One event: 201 with its index, 200 if it was already recorded, 4xx with a problem document. A batch, the same bytes as in Kafka: 200 with one receipt per line, in order; a refused event does not block the others. An intent that a fence stops is recorded and answered with `fenced`. After a lost response, send the same bytes again.',
  roles: ['emit', 'rollback'],
  headers: z.object({
    'recant-after': name.optional().meta({
      description:
        'Id of the last acknowledged event of this source. A log that lacks it was restored from an older copy and refuses the request (`log_behind_source`). All events must have the same source.',
    }),
  }),
  body: { kind: 'raw', bytesMax: BATCH_BYTES_MAX, content: { [MEDIA_TYPE_EVENT]: CloudEvent, [MEDIA_TYPE_BATCH]: EventBatch } },
  responses: {
    200: { description: 'A batch, or one event that was already recorded', schema: z.union([ReceiptBody, BatchReceipts]) },
    201: { description: 'One event, newly recorded', schema: ReceiptBody },
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
    'source_not_allowed',
    'agent_not_allowed',
    'equivocation',
    'fenced',
    'log_behind_source',
    'unstorable',
    'shard_mismatch',
    'batch_empty',
    'batch_too_long',
    'media_type_unsupported',
    'store_full',
  ],
});

export const putPart = route({
  operationId: 'putPart',
  callers: 'keys',
  record: 'none',
  method: 'put',
  path: '/v1/parts/{digest}',
  tag: 'events',
  summary: 'Store the bytes of a part, before the event that references it',
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
  responses: { 204: { description: 'The part is stored, by this request or an earlier one' } },
  errors: ['part_digest_mismatch', 'store_full'],
});
