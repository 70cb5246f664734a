import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiFault, type RouteDescriptor } from '@recant/api';
import { parseApiKey } from '@recant/events';
import { type Caller, callerOfKey } from './caller.ts';
import type { Keyring } from './keyring.ts';

const BEARER = /^Bearer +(\S+)$/i;
const NOBODY = Buffer.alloc(32);

/** Who is behind an Authorization header. @throws ApiFault `unauthenticated`: the same for no key, an unknown one and a wrong secret */
export async function authenticate(keyring: Keyring, authorization: string | undefined): Promise<Caller> {
  const token = BEARER.exec(authorization ?? '')?.[1];
  const key = token === undefined ? undefined : parseApiKey(token);
  if (!key)
    throw new ApiFault(
      'unauthenticated',
      authorization === undefined ? 'The request has no Authorization header.' : 'The Authorization header holds no Recant key.',
    );
  const known = await keyring.find(key.keyId);
  const hash = createHash('sha256').update(key.secret).digest();
  // The comparison runs for unknown keys too, so that its time tells nothing.
  const fits = timingSafeEqual(hash, known?.secretHash ?? NOBODY);
  if (!known || !fits) throw new ApiFault('unauthenticated', 'The key is not known here, or its secret is wrong.');
  return callerOfKey(known.credential);
}

/** @throws ApiFault `caller_unfit`, `role_missing` */
export function authorize({ kind, id, roles }: Caller, route: RouteDescriptor): void {
  if (route.roles === 'public') return;
  if (route.callers === 'keys' && kind !== 'key') throw new ApiFault('caller_unfit', 'This is for keys, not for people.');
  if (route.callers === 'people' && kind !== 'person')
    throw new ApiFault('caller_unfit', `This is for people, not for keys: ${id} is one.`);
  if (route.roles.some((role) => roles.includes(role))) return;
  const who = kind === 'key' ? `Key ${id}` : id;
  throw new ApiFault('role_missing', `${who} has the roles ${roles.join(', ')}; this needs ${route.roles.join(' or ')}.`);
}
