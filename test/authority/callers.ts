import type { Role } from '@recant/api';
import { ROLES } from '@recant/events';
import type { Store } from '@recant/store';
import type { TestProvider } from '@recant/test-support/openid';
import type { Operation, Scheme } from './operations.ts';

export const AUDIENCE = 'urn:recant:matrix';
export const OWN = 'acme';
export const OTHER = 'other';
const HOUR_MS = 3_600_000;
/** Roles that no claim grants. */
const KEYS_ONLY: readonly Role[] = ['emit', 'rollback'];

export interface Caller {
  readonly name: string;
  readonly authorization: string | undefined;
  /** Undefined: the credential is not valid. */
  readonly scheme: Scheme | undefined;
  readonly roles: readonly Role[];
  readonly tenant: typeof OWN | typeof OTHER;
}

/** The outcome that follows from the OpenAPI description alone. */
export function expectedOf({ schemes, roles, isOperators }: Operation, caller: Caller): 401 | 403 | 'allowed' {
  if (schemes.length === 0) return 'allowed';
  if (caller.scheme === undefined) return 401;
  if (!schemes.includes(caller.scheme) || (isOperators && caller.scheme !== 'operator')) return 403;
  return roles.some((role) => caller.roles.includes(role)) ? 'allowed' : 403;
}

/** Each role, as a key and as a person, valid and invalid, of both tenants; and a caller without credentials. */
export async function allCallers(store: Store, provider: TestProvider, password: string): Promise<Caller[]> {
  const callers: Caller[] = [
    { name: 'a caller without credentials', authorization: undefined, scheme: undefined, roles: [], tenant: OWN },
    {
      name: 'the local person',
      authorization: `Basic ${Buffer.from(`operator:${password}`).toString('base64')}`,
      scheme: 'operator',
      roles: claimable(ROLES),
      tenant: OTHER,
    },
  ];
  for (const role of ROLES) callers.push(...(await keysOf(store, role)), ...(await peopleOf(provider, role)));
  return callers;
}

async function keysOf(store: Store, role: Role): Promise<Caller[]> {
  const make = (tenant: string, expiresAtMs?: number) =>
    store.credentials.create({
      tenant,
      roles: [role],
      sourcePrefix: 'recant://',
      agents: ['*'],
      resources: [],
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    });
  const bearer = (name: string, { apiKey }: { apiKey: string }, over: Partial<Caller> = {}): Caller => ({
    name: `${name} with ${role}`,
    authorization: `Bearer ${apiKey}`,
    scheme: 'key',
    roles: [role],
    tenant: OWN,
    ...over,
  });
  const revoked = await make(OWN);
  await store.credentials.revoke(OWN, revoked.credential.keyId);
  return [
    bearer('a key', await make(OWN)),
    bearer('a key of another tenant', await make(OTHER), { tenant: OTHER }),
    bearer('an expired key', await make(OWN, Date.now() - HOUR_MS), { scheme: undefined }),
    bearer('a revoked key', revoked, { scheme: undefined }),
  ];
}

async function peopleOf(provider: TestProvider, role: Role): Promise<Caller[]> {
  const token = async (name: string, over: Partial<Caller> = {}, audience = AUDIENCE, algorithm: 'RS256' | 'ES256' = 'RS256') => {
    const tenant = over.tenant ?? OWN;
    const person = { subject: `${role}@${tenant}`, claims: { org: tenant, roles: [`recant:${role}`] } };
    const authorization = `Bearer ${await provider.signIn(person, audience, algorithm)}`;
    return { name: `${name} with ${role}`, authorization, scheme: 'person', roles: claimable([role]), tenant, ...over } as Caller;
  };
  return [
    await token('a person'),
    await token('a person of another tenant', { tenant: OTHER }),
    await token('a token for another audience', { scheme: undefined }, 'urn:elsewhere'),
    await token('a token by another algorithm', { scheme: undefined }, AUDIENCE, 'ES256'),
  ];
}

function claimable(roles: readonly Role[]): readonly Role[] {
  return roles.filter((role) => !KEYS_ONLY.includes(role));
}
