import { isName, PART_BYTES_MAX } from '@recant/events';
import { z } from 'zod';
import { name } from './field.ts';
import { route } from './route.ts';

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: 'SHA-256 of salt and bytes, lower-case hex: as the event names the part.' });
const subject = name
  .refine(isName, 'must be a name without control characters')
  .meta({ description: 'Whose data it is. It stands in the log for ever: a name that says nothing outside.', example: 'customer/42' });
const base64 = z.base64().max(Math.ceil(PART_BYTES_MAX / 3) * 4);

export const PartBody = z
  .object({
    digest,
    salt: z.string().meta({ description: 'base64url of 16 bytes.' }),
    size: z.int().min(0).max(PART_BYTES_MAX),
    sealed: z.boolean().meta({ description: 'Whether `bytes` are sealed: `POST /v1/parts/{digest}/unseal` opens them.' }),
    bytes: base64.meta({ description: 'As they are kept, and as `digest` covers them.' }),
  })
  .meta({ id: 'Part' });
export type PartBody = z.infer<typeof PartBody>;

export const UnsealedPart = z
  .object({ digest, subject, bytes: base64.meta({ description: 'What was sealed.' }) })
  .meta({ id: 'UnsealedPart' });
export type UnsealedPart = z.infer<typeof UnsealedPart>;

export const CreateDataKeyBody = z.strictObject({ subject }).meta({ id: 'CreateDataKey' });
export const CreatedDataKey = z
  .object({
    keyId: z.string().regex(/^[0-9a-f]{32}$/),
    key: base64.meta({ description: 'The 32 bytes of the key: given here, once.' }),
    tenant: name.meta({ description: 'Authenticated in what is sealed.' }),
    subject,
  })
  .meta({ id: 'CreatedDataKey' });
export type CreatedDataKey = z.infer<typeof CreatedDataKey>;

export const ErasedSubject = z
  .object({ subject, destroyed: z.int().min(0).meta({ description: 'Keys destroyed now; 0 where there was none, or no longer.' }) })
  .meta({ id: 'ErasedSubject' });
export type ErasedSubject = z.infer<typeof ErasedSubject>;

export const getPart = route({
  operationId: 'getPart',
  method: 'get',
  path: '/v1/parts/{digest}',
  tag: 'sealing',
  summary: 'The bytes of a part, as they are kept',
  roles: ['view'],
  params: z.object({ digest }),
  responses: { 200: { description: 'The part', schema: PartBody } },
  errors: ['part_unknown'],
});

export const unsealPart = route({
  operationId: 'unsealPart',
  method: 'post',
  path: '/v1/parts/{digest}/unseal',
  tag: 'sealing',
  summary: 'What a sealed part holds',
  description: 'An act: who read what, and whose it is, is in the log before the answer.',
  roles: ['unseal'],
  params: z.object({ digest }),
  responses: { 200: { description: 'What was sealed', schema: UnsealedPart } },
  errors: ['part_unknown', 'part_not_sealed', 'part_erased', 'part_unreadable', 'sealing_not_configured'],
});

export const createDataKey = route({
  operationId: 'createDataKey',
  method: 'post',
  path: '/v1/data-keys',
  tag: 'sealing',
  summary: 'A new key that seals parts of one subject',
  description:
    'Each call makes another one: whoever seals can never open what others have sealed. The events that name sealed parts tell of its use.',
  roles: ['emit'],
  callers: 'keys',
  record: 'none',
  body: { kind: 'json', schema: CreateDataKeyBody, bytesMax: 4_096 },
  responses: { 201: { description: 'The key, given once', schema: CreatedDataKey } },
  errors: ['sealing_not_configured'],
});

export const eraseSubject = route({
  operationId: 'eraseSubject',
  method: 'delete',
  path: '/v1/subjects/{subject}/data-keys',
  tag: 'sealing',
  summary: 'Destroy all keys of a subject, for ever',
  description: 'What they sealed can never be read again by anybody. Entries, digests and proofs stay as they are, and valid.',
  roles: ['administer'],
  params: z.object({ subject }),
  responses: { 200: { description: 'Destroyed, now or before', schema: ErasedSubject } },
  errors: ['sealing_not_configured'],
});
