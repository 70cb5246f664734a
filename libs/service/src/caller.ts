import type { Role } from '@recant/events';
import type { Credential } from '@recant/ledger';

interface CallerFields {
  readonly tenant: string;
  readonly roles: readonly Role[];
  /** The id in entries and plans: a key id, or `person:<subject>`. Key ids contain no colon. */
  readonly id: string;
}

export interface KeyCaller extends CallerFields {
  readonly kind: 'key';
  readonly credential: Credential;
}

export interface PersonCaller extends CallerFields {
  readonly kind: 'person';
}

/** The authenticated caller. Tenant and roles come from the credential, never from the request. */
export type Caller = KeyCaller | PersonCaller;

export function callerOfKey(credential: Credential): KeyCaller {
  return { kind: 'key', tenant: credential.tenant, roles: credential.roles, id: credential.keyId, credential };
}

/** @param subject unique within the identity provider */
export function callerOfPerson({ tenant, subject, roles }: { tenant: string; subject: string; roles: readonly Role[] }): PersonCaller {
  return { kind: 'person', tenant, roles, id: `person:${subject}` };
}
