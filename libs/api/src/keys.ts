import { isPlainName, NAME_BYTES_MAX, RESOURCE_BYTES_MAX } from '@recant/events';
import { z } from 'zod';
import { instant, name } from './field.ts';
import { Role } from './role.ts';
import { route } from './route.ts';

/** Names that people compare. */
const PLAIN = 'expected a name without invisible characters, spaces at its ends, or letters of two scripts that look alike';

const KeyFields = {
  roles: z.array(Role).min(1).max(Role.options.length),
  sourcePrefix: z
    .string()
    .min(1)
    .max(NAME_BYTES_MAX)
    .refine(isPlainName, PLAIN)
    .meta({ description: 'Every source must equal this prefix or lie below it.', example: 'recant://pricing' }),
  agents: z
    .array(name.refine(isPlainName, PLAIN))
    .max(100)
    .meta({ description: 'Agent names that this key may use: exact, or ending in `*`.' }),
  resources: z
    .array(z.string().min(1).max(RESOURCE_BYTES_MAX))
    .max(100)
    .meta({
      description: 'Resources that may be rolled back for effects claimed under this key: exact, or ending in `*`.',
      example: ['postgres://shop/*'],
    }),
};
const people = z.array(z.string()).meta({
  description: 'Everybody who has had the key, as `person:<subject>`: none of them can approve a plan that was requested with it.',
});
const expiresAt = instant.optional().meta({ description: 'When the key expires. Absent: never.' });
const expires = z
  .string()
  .max(64)
  .optional()
  .meta({ description: 'ISO 8601 with a zone, or a duration from now; at most ten years.', example: '90d' });

export const KeyBody = z
  .object({
    keyId: z.string(),
    label: z.string(),
    ...KeyFields,
    people,
    createdAt: instant,
    expiresAt,
    revokedAt: instant.optional(),
    state: z
      .enum(['active', 'rotated', 'expired', 'revoked'])
      .meta({ description: '`rotated`: replaced by a successor, valid until it expires.' }),
    predecessor: z.string().optional().meta({ description: 'Id of the key that this key replaces.' }),
    successor: z.string().optional().meta({ description: 'Id of the key that replaces this key.' }),
  })
  .meta({ id: 'Key' });
export type KeyBody = z.infer<typeof KeyBody>;
export const KeyList = z.object({ items: z.array(KeyBody) }).meta({ id: 'KeyList' });
export type KeyList = z.infer<typeof KeyList>;
export const CreateKeyBody = z
  .strictObject({
    ...KeyFields,
    label: z
      .string()
      .max(NAME_BYTES_MAX)
      .refine((text) => text === '' || isPlainName(text), PLAIN)
      .optional(),
    person: z
      .string()
      .regex(/^[\x20-\x7e]{1,240}$/, 'expected a subject of 1 to 240 printable ASCII characters')
      .optional()
      .meta({
        description: 'Subject of the person whom the key is for. The person who makes the key counts as having had it, too.',
        example: 'alice',
      }),
    expires: expires.meta({
      description: 'ISO 8601 with a zone, or a duration from now; at most ten years. Default: never.',
    }),
  })
  .meta({ id: 'CreateKey' });
export type CreateKeyBody = z.infer<typeof CreateKeyBody>;
export const CreatedKey = z
  .object({
    keyId: z.string(),
    apiKey: z.string().meta({ description: 'The API key: returned only once and not stored.' }),
    ...KeyFields,
    people,
    expiresAt,
  })
  .meta({ id: 'CreatedKey' });
export type CreatedKey = z.infer<typeof CreatedKey>;
export const RotateKeyBody = z
  .strictObject({
    overlap: z
      .string()
      .max(64)
      .optional()
      .meta({ description: 'How long the old key stays valid: at most 30 days; `0` revokes it. Default: 24 hours.', example: '1h' }),
    expires: expires.meta({ description: 'When the successor expires. Default: after the lifetime that the old key was created with.' }),
  })
  .meta({ id: 'RotateKey' });
export type RotateKeyBody = z.infer<typeof RotateKeyBody>;
export const RotatedKey = CreatedKey.extend({
  predecessor: z.string().meta({ description: 'Id of the old key.' }),
  predecessorEndsAt: instant.meta({ description: 'When the old key ends.' }),
}).meta({ id: 'RotatedKey' });
export type RotatedKey = z.infer<typeof RotatedKey>;

export const listKeys = route({
  operationId: 'listKeys',
  method: 'get',
  path: '/v1/keys',
  tag: 'keys',
  summary: 'The keys of this tenant, without their secrets',
  roles: ['administer'],
  responses: { 200: { description: 'All keys, including ended ones', schema: KeyList } },
});
export const createKey = route({
  operationId: 'createKey',
  method: 'post',
  path: '/v1/keys',
  tag: 'keys',
  summary: 'Create a key for this tenant',
  description: 'The roles `rollback` (Recant’s own services) and `approve` (people only) are refused.',
  roles: ['administer'],
  body: { kind: 'json', schema: CreateKeyBody, bytesMax: 262_144 },
  responses: { 201: { description: 'The key, returned once', schema: CreatedKey } },
  errors: ['resource_pattern_invalid', 'key_maker_unknown', 'key_time_invalid', 'time_invalid', 'time_zone_missing'],
});
export const rotateKey = route({
  operationId: 'rotateKey',
  method: 'post',
  path: '/v1/keys/{keyId}/rotate',
  tag: 'keys',
  summary: 'Create a successor with the same bindings; the old key stays valid for the overlap',
  description: 'A key has at most one successor. Keys of the rollback service cannot be rotated here.',
  roles: ['administer'],
  params: z.object({ keyId: name }),
  body: { kind: 'json', schema: RotateKeyBody },
  responses: { 201: { description: 'The successor, returned once', schema: RotatedKey } },
  errors: ['key_unknown', 'key_inactive', 'key_time_invalid', 'time_invalid', 'time_zone_missing'],
});
export const revokeKey = route({
  operationId: 'revokeKey',
  method: 'delete',
  path: '/v1/keys/{keyId}',
  tag: 'keys',
  summary: 'Revoke a key',
  description:
    'After the response, no process records anything under this key. Also while the disk of PostgreSQL is full; the act is recorded once there is space.',
  roles: ['administer'],
  despiteFullDisk: true,
  params: z.object({ keyId: name }),
  responses: { 204: { description: 'The key is revoked, by this request or an earlier one' } },
  errors: ['key_unknown'],
});
