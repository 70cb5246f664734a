import { ApiFault, createKey, type KeyBody, listKeys, revokeKey } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { CredentialSummary, Credentials } from '@recant/store';

/** Keys of the caller's own tenant. */
export function keyRoutes(credentials: Credentials): readonly BoundRoute[] {
  return [
    handle(listKeys, async ({ credential }) => ({
      status: 200,
      body: { items: (await credentials.list(credential.tenant)).map(keyBody) },
    })),
    handle(createKey, async ({ credential, body }) => {
      // Whoever has this role is believed about what undoes what.
      if (body.roles.includes('rollback'))
        throw new ApiFault('role_missing', 'No key made here has the role rollback.', { action: 'Leave out the role `rollback`.' });
      const { label, ...fields } = body;
      const { apiKey, credential: made } = await credentials.create({
        tenant: credential.tenant,
        ...fields,
        ...(label === undefined ? {} : { label }),
      });
      return { status: 201, body: { apiKey, ...fieldsOf(made) } };
    }),
    handle(revokeKey, async ({ credential, params }) => {
      const known = await credentials.revoke(credential.tenant, params.keyId);
      if (!known && !(await credentials.list(credential.tenant)).some((key) => key.credential.keyId === params.keyId)) {
        throw new ApiFault('key_unknown', `There is no key ${params.keyId}.`);
      }
      return { status: 204 };
    }),
  ];
}

function keyBody({ credential, label, createdAtMs, revokedAtMs }: CredentialSummary): KeyBody {
  const revoked = revokedAtMs === undefined ? {} : { revokedAt: new Date(revokedAtMs).toISOString() };
  return { ...fieldsOf(credential), label, createdAt: new Date(createdAtMs).toISOString(), ...revoked };
}

function fieldsOf({ keyId, roles, sourcePrefix, agents, resources }: CredentialSummary['credential']) {
  return { keyId, roles: [...roles], sourcePrefix, agents: [...agents], resources: [...resources] };
}
