import { isName, PART_BYTES_MAX } from '@recant/events';
import { z } from 'zod';
import { name } from './field.ts';
import { route } from './route.ts';

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: 'SHA-256 of salt and bytes, lower-case hex, as in the event that references the part.' });
const subject = name
  .refine(isName, 'must be a name without control characters')
  .meta({ description: 'The person whose data it is. It is logged permanently: use a pseudonymous id.', example: 'customer/42' });
const base64 = z.base64().max(Math.ceil(PART_BYTES_MAX / 3) * 4);

export const PartBody = z
  .object({
    digest,
    salt: z.string().meta({ description: 'base64url of 16 bytes.' }),
    size: z.int().min(0).max(PART_BYTES_MAX),
    sealed: z.boolean().meta({ description: 'Whether `bytes` are sealed; `POST /v1/parts/{digest}/unseal` decrypts them.' }),
    bytes: base64.meta({ description: 'The stored bytes, which `digest` covers.' }),
  })
  .meta({ id: 'Part' });
export type PartBody = z.infer<typeof PartBody>;

export const UnsealedPart = z
  .object({ digest, subject, bytes: base64.meta({ description: 'The decrypted bytes.' }) })
  .meta({ id: 'UnsealedPart' });
export type UnsealedPart = z.infer<typeof UnsealedPart>;

export const CreateDataKeyBody = z.strictObject({ subject }).meta({ id: 'CreateDataKey' });
export const CreatedDataKey = z
  .object({
    keyId: z.string().regex(/^[0-9a-f]{32}$/),
    key: base64.meta({ description: 'The 32 bytes of the key, returned only once.' }),
    tenant: name.meta({ description: 'Tenant, authenticated with each sealed part.' }),
    subject,
  })
  .meta({ id: 'CreatedDataKey' });
export type CreatedDataKey = z.infer<typeof CreatedDataKey>;

export const ErasedImages = z
  .object({
    system: z.string(),
    state: z.enum(['pending', 'erased', 'unreached']).meta({
      description: '`pending`: something may be left, and is tried again. `unreached`: nothing more is tried.',
    }),
    requestedAt: z.string(),
    endedAt: z.string().optional(),
    changes: z.int().min(0).meta({ description: 'Captured changes whose images were erased.' }),
    remains: z.array(z.string()).meta({ description: 'What was not reached, and why. Empty while `pending`: not tried yet.' }),
  })
  .meta({ id: 'ErasedImages' });
export type ErasedImages = z.infer<typeof ErasedImages>;

const systems = z.array(ErasedImages).meta({ description: 'Images in registered systems; erased by the rollback service.' });
export const ErasedSubject = z
  .object({
    subject,
    destroyed: z.int().min(0).meta({ description: 'Number of keys destroyed by this request; 0 if none remained.' }),
    systems,
  })
  .meta({ id: 'ErasedSubject' });
export type ErasedSubject = z.infer<typeof ErasedSubject>;

export const SubjectErasure = z.object({ subject, systems }).meta({ id: 'SubjectErasure' });
export type SubjectErasure = z.infer<typeof SubjectErasure>;

export const getPart = route({
  operationId: 'getPart',
  method: 'get',
  path: '/v1/parts/{digest}',
  tag: 'sealing',
  summary: 'The stored bytes of a part',
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
  summary: 'Decrypt a sealed part',
  description: 'An act: reader, part and subject are logged before the response.',
  roles: ['unseal'],
  params: z.object({ digest }),
  responses: { 200: { description: 'The decrypted part', schema: UnsealedPart } },
  errors: ['part_unknown', 'part_not_sealed', 'part_erased', 'part_unreadable', 'sealing_not_configured'],
});

export const createDataKey = route({
  operationId: 'createDataKey',
  method: 'post',
  path: '/v1/data-keys',
  tag: 'sealing',
  summary: 'Create a data key that seals parts of one subject',
  description:
    'Every call creates a new key, so a sender cannot decrypt parts that others sealed. Events that reference sealed parts record its use.',
  roles: ['emit'],
  callers: 'keys',
  record: 'none',
  body: { kind: 'json', schema: CreateDataKeyBody, bytesMax: 4_096 },
  responses: { 201: { description: 'The key, returned once', schema: CreatedDataKey } },
  errors: ['sealing_not_configured'],
});

export const eraseSubject = route({
  operationId: 'eraseSubject',
  method: 'delete',
  path: '/v1/subjects/{subject}/data-keys',
  tag: 'sealing',
  summary: 'Destroy all data keys of a subject irreversibly',
  description:
    'The sealed content becomes permanently unreadable, and the erasure of images in registered systems is requested. Entries, digests and proofs remain unchanged and valid.',
  roles: ['administer'],
  params: z.object({ subject }),
  responses: { 200: { description: 'The keys are destroyed, by this request or an earlier one', schema: ErasedSubject } },
  errors: ['sealing_not_configured'],
});

export const showErasure = route({
  operationId: 'showErasure',
  method: 'get',
  path: '/v1/subjects/{subject}/erasure',
  tag: 'sealing',
  summary: 'How far the erasure of a subject’s images is',
  roles: ['view', 'administer'],
  params: z.object({ subject }),
  responses: { 200: { description: 'Each system in which it was requested; none: never', schema: SubjectErasure } },
  errors: [],
});
