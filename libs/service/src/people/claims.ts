import type { Role } from '@recant/api';
import { NAME_BYTES_MAX, OPERATOR_TENANT, ROLES } from '@recant/events';
import type { PersonCaller } from '../caller.ts';
import { callerOfPerson } from '../caller.ts';

/** Roles of agents and of Recant's own services, which use keys; never granted to a person. */
const KEYS_ONLY: ReadonlySet<Role> = new Set(['emit', 'rollback']);
/** Roles that a claim can grant. */
export const PERSON_ROLES: readonly Role[] = ROLES.filter((role) => !KEYS_ONLY.has(role));

/** OpenID Connect Core 5.1: at most 255 ASCII characters; here printable ones only, because entries contain it. */
const SUBJECT = /^[\x20-\x7e]{1,240}$/;

export interface ClaimRules {
  /** One tenant for all people, or the claim that names it. */
  readonly tenant: { readonly fixed: string } | { readonly claim: string };
  readonly rolesClaim: string;
  /** Roles by value of the roles claim. Unlisted values grant nothing. */
  readonly roles: ReadonlyMap<string, readonly Role[]>;
}

export type Claims = Readonly<Record<string, unknown>>;

/** The person that the claims of a verified token identify. @returns the name of the missing or invalid claim otherwise */
export function personOf(claims: Claims, rules: ClaimRules): PersonCaller | { readonly invalidClaim: string } {
  const { sub: subject } = claims;
  if (typeof subject !== 'string' || !SUBJECT.test(subject)) return { invalidClaim: 'sub' };
  // RFC 9068 2.2: a client acting on its own behalf is its own subject. Programs use keys.
  if (subject === claims.client_id || subject === claims.azp) return { invalidClaim: 'sub' };
  // A token bound to a key (RFC 7800) needs a proof of possession, which is not supported.
  if (claims.cnf !== undefined) return { invalidClaim: 'cnf' };
  const tenant = tenantOf(claims, rules.tenant);
  if (tenant === undefined) return { invalidClaim: 'tenant' };
  return callerOfPerson({ tenant, subject, roles: rolesOf(claims, rules), name: nameOf(claims) });
}

/** A claim never names the operator's tenant: a customer who chooses a tenant name at the provider must not get that one. */
function tenantOf(claims: Claims, rule: ClaimRules['tenant']): string | undefined {
  if ('fixed' in rule) return rule.fixed;
  const tenant = claimAt(claims, rule.claim);
  const valid =
    typeof tenant === 'string' && /^[\x21-\x7e]+$/.test(tenant) && tenant.length <= NAME_BYTES_MAX && tenant !== OPERATOR_TENANT;
  return valid ? tenant : undefined;
}

/** OpenID Connect Core 5.1: claims that name a person to people. */
function nameOf({ name, preferred_username: username, email }: Claims): string | undefined {
  return [name, username, email].find((each) => typeof each === 'string');
}

/** The claim is an array, or one string of space-separated values as in `scope`. */
function rolesOf(claims: Claims, { rolesClaim, roles }: ClaimRules): readonly Role[] {
  const value = claimAt(claims, rolesClaim);
  const values: readonly unknown[] = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  const given = new Set(values.flatMap((each) => (typeof each === 'string' ? (roles.get(each) ?? []) : [])));
  return PERSON_ROLES.filter((role) => given.has(role));
}

/** The claim with exactly this name, dots included; else a path into objects: `realm_access.roles`. */
function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let at: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Claims)[step];
  }
  return at;
}
