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
  description: 'No key made here has the roles `rollback` (Recant’s own services) or `approve` (people only).',
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
