import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiFault, type RouteDescriptor } from '@recant/api';
import { type ApiKey, parseApiKey } from '@recant/events';
import { type Caller, callerOfKey, type KeyCaller } from './caller.ts';
import type { Keyring } from './keyring.ts';
import type { Logger } from './log.ts';
import type { People } from './people/port.ts';

const AUTHORIZATION = /^([A-Za-z]+) +(\S+)$/;
const NOBODY = Buffer.alloc(32);

/** What whoever holds no valid key is told: never which of these it is. `cause` is for the log, `who` for the record where the bearer is known all the same. */
export class KeyRefusal extends ApiFault {
  readonly who: Caller | undefined;

  constructor(why: string, who?: Caller) {
    super('unauthenticated', 'The key is not known here, has ended, or its secret is wrong.', { cause: new Error(why) });
    this.who = who;
  }
}

export interface Identifying {
  readonly keyring: Keyring;
  /** One for each scheme at most. */
  readonly people: readonly People[];
}

/** Who is behind an Authorization header. @throws ApiFault `unauthenticated`, and what it says is one text for each kind of credential, whatever was wrong with it */
export async function authenticate({ keyring, people }: Identifying, authorization: string | undefined, log: Logger): Promise<Caller> {
  if (authorization === undefined) throw new ApiFault('unauthenticated', 'The request has no Authorization header.');
  const [, named = '', credentials = ''] = AUTHORIZATION.exec(authorization) ?? [];
  const scheme = named.toLowerCase();
  const key = scheme === 'bearer' ? parseApiKey(credentials) : undefined;
  if (key) return callerBehind(keyring, key);
  const who = people.find((each) => each.scheme === scheme);
  if (!who) throw new ApiFault('unauthenticated', 'The Authorization header holds nothing that is taken here.');
  const identified = await who.identify(credentials);
  if (identified.kind === 'person') return identified.caller;
  if (identified.kind === 'throttled')
    throw new ApiFault('password_throttled', 'After wrong passwords none is looked at for a while.', {
      retryAfterSeconds: identified.retryAfterSeconds,
    });
  if (identified.kind === 'away')
    throw new ApiFault('identity_unavailable', 'Who vouches for people does not answer now.', { cause: new Error(identified.reason) });
  log.debug({ scheme, reason: identified.reason }, 'a person was not believed');
  throw new ApiFault('unauthenticated', 'What the Authorization header holds is not believed here.');
}

async function callerBehind(keyring: Keyring, { keyId, secret }: ApiKey): Promise<KeyCaller> {
  const known = await keyring.find(keyId);
  const hash = createHash('sha256').update(secret).digest();
  // The comparison runs for unknown keys too, so that its time tells nothing.
  const fits = timingSafeEqual(hash, known?.secretHash ?? NOBODY);
  if (!known) throw new KeyRefusal(`there is no key ${keyId}`);
  if (!fits) throw new KeyRefusal(`the secret of key ${keyId} is another one`);
  if ('ended' in known) throw new KeyRefusal(`key ${keyId} is ${known.ended}`, callerOfKey(known.was));
  return callerOfKey(known.credential);
}

/** @throws ApiFault `caller_type_not_allowed`, `role_missing` */
export function authorize({ kind, id, roles }: Caller, route: RouteDescriptor): void {
  if (route.roles === 'public') return;
  if (route.callers === 'keys' && kind !== 'key') throw new ApiFault('caller_type_not_allowed', 'This is for keys, not for people.');
  if (route.callers === 'people' && kind !== 'person')
    throw new ApiFault('caller_type_not_allowed', `This is for people, not for keys: ${id} is one.`);
  if (route.roles.some((role) => roles.includes(role))) return;
  const who = kind === 'key' ? `Key ${id}` : id;
  const has = roles.length === 0 ? 'has no role' : `has the roles ${roles.join(', ')}`;
  throw new ApiFault('role_missing', `${who} ${has}; this needs ${route.roles.join(' or ')}.`);
}
