import { ROLES, type Role } from '@recant/api';
import { NAME_BYTES_MAX } from '@recant/events';
import { OWN_AGENT } from '@recant/ledger';
import type { PersonCaller } from '../caller.ts';
import { callerOfPerson } from '../caller.ts';

/** Recorders and Recant's own services have keys: no person speaks for an agent. */
const KEYS_ONLY: ReadonlySet<Role> = new Set(['emit', 'rollback']);
/** Roles that a claim can give. */
export const PERSON_ROLES: readonly Role[] = ROLES.filter((role) => !KEYS_ONLY.has(role));

/** OpenID Connect Core 5.1: at most 255 ASCII characters; here printable ones, since it stands in entries. */
const SUBJECT = /^[\x20-\x7e]{1,240}$/;

export interface ClaimRules {
  /** Everybody's tenant, or the claim that names it. */
  readonly tenant: { readonly fixed: string } | { readonly claim: string };
  readonly rolesClaim: string;
  /** What a value of the roles claim gives. A value that is not here gives nothing. */
  readonly roles: ReadonlyMap<string, readonly Role[]>;
}

export type Claims = Readonly<Record<string, unknown>>;

/** Who the claims of a verified token are about. @returns the claim that is missing or unfit where it is nobody */
export function personOf(claims: Claims, rules: ClaimRules): PersonCaller | { readonly unfit: string } {
  const { sub: subject } = claims;
  if (typeof subject !== 'string' || !SUBJECT.test(subject)) return { unfit: 'sub' };
  // RFC 9068 2.2: who acts in nobody's name is its own subject. A program is no person, and has a key.
  if (subject === claims.client_id || subject === claims.azp) return { unfit: 'sub' };
  // A token bound to a key of its holder (RFC 7800) is worth nothing without the proof, which nobody asks for here.
  if (claims.cnf !== undefined) return { unfit: 'cnf' };
  const tenant = tenantOf(claims, rules.tenant);
  if (tenant === undefined) return { unfit: 'tenant' };
  return callerOfPerson({ tenant, subject, roles: rolesOf(claims, rules) });
}

/** The operator's own tenant is named by configuration only: a customer who may choose a name at the provider must not choose that one. */
function tenantOf(claims: Claims, rule: ClaimRules['tenant']): string | undefined {
  if ('fixed' in rule) return rule.fixed;
  const tenant = claimAt(claims, rule.claim);
  const fits = typeof tenant === 'string' && /^[\x21-\x7e]+$/.test(tenant) && tenant.length <= NAME_BYTES_MAX && tenant !== OWN_AGENT;
  return fits ? tenant : undefined;
}

/** A list of values, or one text of values with spaces between, as `scope` is. */
function rolesOf(claims: Claims, { rolesClaim, roles }: ClaimRules): readonly Role[] {
  const value = claimAt(claims, rolesClaim);
  const values: readonly unknown[] = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  const given = new Set(values.flatMap((each) => (typeof each === 'string' ? (roles.get(each) ?? []) : [])));
  return PERSON_ROLES.filter((role) => given.has(role));
}

/** A claim by its name, dots and all; else step by step along the dots: `realm_access.roles`. */
function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let at: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Claims)[step];
  }
  return at;
}
