import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiFault, type RouteDescriptor } from '@recant/api';
import { parseApiKey } from '@recant/events';
import type { Credential } from '@recant/ledger';
import type { Keyring } from './keyring.ts';

const BEARER = /^Bearer +(\S+)$/i;
const NOBODY = Buffer.alloc(32);

/** The credential behind an Authorization header. @throws ApiFault `unauthenticated`: the same for no key, an unknown one and a wrong secret */
export async function authenticate(keyring: Keyring, authorization: string | undefined): Promise<Credential> {
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
  return known.credential;
}

/** @throws ApiFault `role_missing` */
export function authorize(credential: Credential, route: RouteDescriptor): void {
  if (route.roles === 'public' || route.roles.some((role) => credential.roles.includes(role))) return;
  throw new ApiFault(
    'role_missing',
    `Key ${credential.keyId} has the roles ${credential.roles.join(', ')}; this needs ${route.roles.join(' or ')}.`,
  );
}
