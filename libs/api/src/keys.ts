import { NAME_BYTES_MAX, RESOURCE_BYTES_MAX } from '@recant/events';
import { z } from 'zod';
import { instant, name } from './field.ts';
import { Role } from './role.ts';
import { route } from './route.ts';

const KeyFields = {
  roles: z.array(Role).min(1).max(Role.options.length),
  sourcePrefix: z.string().min(1).max(NAME_BYTES_MAX).meta({ description: 'Sources are this, or below it.', example: 'recant://pricing' }),
  agents: z.array(name).max(100).meta({ description: 'Agents it may speak for: exact, or ending in `*`.' }),
  resources: z
    .array(z.string().min(1).max(RESOURCE_BYTES_MAX))
    .max(100)
    .meta({
      description: 'Resources whose effects may be undone when claimed under this key: exact, or ending in `*`.',
      example: ['postgres://shop/*'],
    }),
};
const expiresAt = instant.optional().meta({ description: 'From then on it is refused. Absent: it does not expire.' });
const expires = z
  .string()
  .max(64)
  .optional()
  .meta({ description: 'ISO 8601 with a zone, or how long from now on; at most ten years.', example: '90d' });

export const KeyBody = z
  .object({
    keyId: z.string(),
    label: z.string(),
    ...KeyFields,
    createdAt: instant,
    expiresAt,
    revokedAt: instant.optional(),
    state: z
      .enum(['active', 'rotated', 'expired', 'revoked'])
      .meta({ description: '`rotated`: it has a successor and works until it expires.' }),
    predecessor: z.string().optional().meta({ description: 'Id of the key that this one was made to replace.' }),
    successor: z.string().optional().meta({ description: 'Id of the key that was made to replace this one.' }),
  })
  .meta({ id: 'Key' });
export type KeyBody = z.infer<typeof KeyBody>;
export const KeyList = z.object({ items: z.array(KeyBody) }).meta({ id: 'KeyList' });
export type KeyList = z.infer<typeof KeyList>;
export const CreateKeyBody = z
  .strictObject({
    ...KeyFields,
    label: z.string().max(NAME_BYTES_MAX).optional(),
    expires: expires.meta({
      description: 'ISO 8601 with a zone, or how long from now on; at most ten years. Default: it does not expire.',
    }),
  })
  .meta({ id: 'CreateKey' });
export type CreateKeyBody = z.infer<typeof CreateKeyBody>;
export const CreatedKey = z
  .object({
    keyId: z.string(),
    apiKey: z.string().meta({ description: 'The key itself: shown here, once, and kept nowhere.' }),
    ...KeyFields,
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
      .meta({ description: 'How long the old key goes on working: at most 30 days; `0` revokes it. Default: 24 hours.', example: '1h' }),
    expires: expires.meta({ description: 'When the successor expires. Default: after as long as the old key was made for.' }),
  })
  .meta({ id: 'RotateKey' });
export type RotateKeyBody = z.infer<typeof RotateKeyBody>;
export const RotatedKey = CreatedKey.extend({
  predecessor: z.string().meta({ description: 'Id of the old key.' }),
  predecessorEndsAt: instant.meta({ description: 'From then on the old key is refused.' }),
}).meta({ id: 'RotatedKey' });
export type RotatedKey = z.infer<typeof RotatedKey>;

export const listKeys = route({
  operationId: 'listKeys',
  method: 'get',
  path: '/v1/keys',
  tag: 'keys',
  summary: 'The keys of this tenant, without their secrets',
  roles: ['administer'],
  responses: { 200: { description: 'All keys, those that ended too', schema: KeyList } },
});
export const createKey = route({
  operationId: 'createKey',
  method: 'post',
  path: '/v1/keys',
  tag: 'keys',
  summary: 'Make a key for this tenant',
  description: 'No key made here has the roles `rollback` (Recant’s own services) or `approve` (people only).',
  roles: ['administer'],
  body: { kind: 'json', schema: CreateKeyBody, bytesMax: 262_144 },
  responses: { 201: { description: 'The key, shown once', schema: CreatedKey } },
  errors: ['resource_pattern_invalid', 'key_time_invalid', 'time_invalid', 'time_zone_missing'],
});
export const rotateKey = route({
  operationId: 'rotateKey',
  method: 'post',
  path: '/v1/keys/{keyId}/rotate',
  tag: 'keys',
  summary: 'Make a successor with the same bindings; the old key goes on working for a while, then ends',
  description: 'Each key has one successor. A key of the rollback service is not rotated here.',
  roles: ['administer'],
  params: z.object({ keyId: name }),
  body: { kind: 'json', schema: RotateKeyBody },
  responses: { 201: { description: 'The successor, shown once', schema: RotatedKey } },
  errors: ['key_unknown', 'key_inactive', 'key_time_invalid', 'time_invalid', 'time_zone_missing'],
});
export const revokeKey = route({
  operationId: 'revokeKey',
  method: 'delete',
  path: '/v1/keys/{keyId}',
  tag: 'keys',
  summary: 'Revoke a key',
  description: 'Once this is answered, nothing more is recorded under it, by whatever process.',
  roles: ['administer'],
  params: z.object({ keyId: name }),
  responses: { 204: { description: 'Revoked, now or before' } },
  errors: ['key_unknown'],
});
