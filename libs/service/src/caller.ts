import { type Actor, isName, type Role } from '@recant/events';
import type { Credential } from '@recant/ledger';

interface CallerFields {
  readonly tenant: string;
  readonly roles: readonly Role[];
  /** The id in entries and plans: a key id, or `person:<subject>`. Key ids contain no colon. */
  readonly id: string;
  /** The key's label or the person's name, for acts. */
  readonly name?: string;
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

export function callerOfKey(credential: Credential, label?: string): KeyCaller {
  return { kind: 'key', tenant: credential.tenant, roles: credential.roles, id: credential.keyId, ...named(label), credential };
}

/** @param subject unique within the identity provider */
export function callerOfPerson({ tenant, subject, roles, name }: PersonFields): PersonCaller {
  return { kind: 'person', tenant, roles, id: `person:${subject}`, ...named(name) };
}

interface PersonFields {
  readonly tenant: string;
  readonly subject: string;
  readonly roles: readonly Role[];
  readonly name?: string | undefined;
}

/** The caller as acts name it. */
export function actorOf({ id, name }: Caller): Actor {
  return { id, ...named(name) };
}

/** Labels and names come from people and providers: one that an event could not contain is left out. */
function named(name: string | undefined): { readonly name?: string } {
  return name !== undefined && isName(name) ? { name } : {};
}
