import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiFault, type RouteDescriptor } from '@recant/api';
import { type ApiKey, OPERATOR_TENANT, parseApiKey } from '@recant/events';
import { type Caller, callerOfKey, type KeyCaller } from './caller.ts';
import type { Keyring } from './keyring.ts';
import type { Logger } from './log.ts';
import type { People } from './people/port.ts';

const AUTHORIZATION = /^([A-Za-z]+) +(\S+)$/;
const ZERO_HASH = Buffer.alloc(32);

/** An unknown key, a wrong secret and an ended key get the same error. `cause` is for the log; `caller` is set when the secret was right but the key has ended. */
export class KeyRefusal extends ApiFault {
  readonly caller: Caller | undefined;

  constructor(reason: string, caller?: Caller) {
    super('unauthenticated', 'Authentication failed: the API key is unknown, expired or revoked.', { cause: new Error(reason) });
    this.caller = caller;
  }
}

export interface Authenticators {
  readonly keyring: Keyring;
  /** At most one for each scheme. */
  readonly people: readonly People[];
}

/** The caller behind an Authorization header. @throws ApiFault `unauthenticated`, with one text for each kind of credential, whatever the reason; `password_throttled`, `identity_unavailable` */
export async function authenticate({ keyring, people }: Authenticators, authorization: string | undefined, log: Logger): Promise<Caller> {
  if (authorization === undefined) throw new ApiFault('unauthenticated', 'Missing Authorization header.');
  const [, named = '', credentials = ''] = AUTHORIZATION.exec(authorization) ?? [];
  const scheme = named.toLowerCase();
  const key = scheme === 'bearer' ? parseApiKey(credentials) : undefined;
  if (key) return callerOf(keyring, key);
  const provider = people.find((each) => each.scheme === scheme);
  if (!provider) throw new ApiFault('unauthenticated', 'Unsupported Authorization scheme or malformed API key.');
  const identified = await provider.identify(credentials);
  if (identified.kind === 'person') return identified.caller;
  if (identified.kind === 'throttled')
    throw new ApiFault('password_throttled', 'Too many failed attempts; try again later.', {
      retryAfterSeconds: identified.retryAfterSeconds,
    });
  if (identified.kind === 'unavailable')
    throw new ApiFault('identity_unavailable', 'The identity provider is unreachable.', { cause: new Error(identified.reason) });
  log.debug({ scheme, reason: identified.reason }, 'auth: a person failed authentication');
  throw new ApiFault('unauthenticated', 'Authentication failed: the token or password is not valid.');
}

async function callerOf(keyring: Keyring, { keyId, secret }: ApiKey): Promise<KeyCaller> {
  const known = await keyring.find(keyId);
  const hash = createHash('sha256').update(secret).digest();
  // Also for unknown keys, so that the timing does not reveal which keys exist.
  const matches = timingSafeEqual(hash, known?.secretHash ?? ZERO_HASH);
  if (!known) throw new KeyRefusal(`unknown key ${keyId}`);
  if (!matches) throw new KeyRefusal(`wrong secret for key ${keyId}`);
  if ('ended' in known) throw new KeyRefusal(`key ${keyId} is ${known.ended}`, callerOfKey(known.was, known.label));
  return callerOfKey(known.credential, known.label);
}

/** @throws ApiFault `caller_type_not_allowed`, `role_missing` */
export function authorize({ kind, id, roles, tenant }: Caller, route: RouteDescriptor): void {
  if (route.roles === 'public') return;
  if (route.tenant === 'operator' && tenant !== OPERATOR_TENANT)
    throw new ApiFault('role_missing', `The answer covers all tenants; this operation needs a key of the tenant ${OPERATOR_TENANT}.`);
  if (route.callers === 'keys' && kind !== 'key')
    throw new ApiFault('caller_type_not_allowed', 'This operation accepts API keys only, not people.');
  if (route.callers === 'people' && kind !== 'person')
    throw new ApiFault('caller_type_not_allowed', `This operation accepts people only; ${id} is an API key.`);
  if (route.roles.some((role) => roles.includes(role))) return;
  const who = kind === 'key' ? `Key ${id}` : id;
  const has = roles.length === 0 ? 'no role' : roles.length === 1 ? `the role ${roles[0]}` : `the roles ${roles.join(', ')}`;
  throw new ApiFault('role_missing', `${who} has ${has}; this operation needs ${route.roles.join(' or ')}.`);
}
