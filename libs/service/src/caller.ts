import type { Credential, Role } from '@recant/ledger';

interface Identified {
  readonly tenant: string;
  readonly roles: readonly Role[];
  /** As it stands in entries and plans: a key's id, or `person:<subject>`. No key id has a colon. */
  readonly id: string;
}

export interface KeyCaller extends Identified {
  readonly kind: 'key';
  readonly credential: Credential;
}

export interface PersonCaller extends Identified {
  readonly kind: 'person';
}

/** Who asks, and what they may do. Tenant and roles come from what identified them, never from the request. */
export type Caller = KeyCaller | PersonCaller;

export function callerOfKey(credential: Credential): KeyCaller {
  return { kind: 'key', tenant: credential.tenant, roles: credential.roles, id: credential.keyId, credential };
}

/** @param subject of the identity provider, unique within it */
export function callerOfPerson({ tenant, subject, roles }: { tenant: string; subject: string; roles: readonly Role[] }): PersonCaller {
  return { kind: 'person', tenant, roles, id: `person:${subject}` };
}
