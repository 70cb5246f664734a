import { ApiFault, createKey, type KeyBody, listKeys, revokeKey } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { CredentialSummary, Credentials } from '@recant/store';

/** Whoever has the first is believed about what undoes what; the second is a person's word. */
const KEPT_ROLES: ReadonlySet<string> = new Set(['rollback', 'approve']);

/** Keys of the caller's own tenant. */
export function keyRoutes(credentials: Credentials): readonly BoundRoute[] {
  return [
    handle(listKeys, async ({ caller }) => ({
      status: 200,
      body: { items: (await credentials.list(caller.tenant)).map(keyBody) },
    })),
    handle(createKey, async ({ caller, body }) => {
      const kept = body.roles.find((role) => KEPT_ROLES.has(role));
      if (kept !== undefined)
        throw new ApiFault('role_missing', `No key made here has the role ${kept}.`, { action: `Leave out the role \`${kept}\`.` });
      const { label, ...fields } = body;
      const { apiKey, credential: made } = await credentials.create({
        tenant: caller.tenant,
        ...fields,
        ...(label === undefined ? {} : { label }),
      });
      return { status: 201, body: { apiKey, ...fieldsOf(made) }, act: fieldsOf(made) };
    }),
    handle(revokeKey, async ({ caller, params }) => {
      const known = await credentials.revoke(caller.tenant, params.keyId);
      if (!known && !(await credentials.list(caller.tenant)).some((key) => key.credential.keyId === params.keyId)) {
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
