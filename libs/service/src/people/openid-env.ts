import { Role } from '@recant/api';
import { NAME_BYTES_MAX } from '@recant/events';
import { z } from 'zod';
import { ConfigError } from '../config.ts';
import { PERSON_ROLES } from './claims.ts';
import { isLoopback } from './loopback.ts';
import { createOpenIdPeople, type OpenIdRules } from './openid-people.ts';
import type { People } from './port.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const;
const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');
const claim = z.string().min(1).max(NAME_BYTES_MAX);

/** Environment of the OpenID provider. */
export const OPENID_ENV = {
  RECANT_OIDC_ISSUER: z
    .string()
    .refine(isIssuer, 'must be an https URL (http on loopback only) without a query, equal to the provider’s `iss`')
    .optional(),
  RECANT_OIDC_AUDIENCE: z.string().min(1).max(NAME_BYTES_MAX).optional(),
  RECANT_OIDC_ALGORITHMS: z
    .string()
    .default('RS256 ES256 EdDSA')
    .transform(words)
    .pipe(z.array(z.enum(ALGORITHMS, `must be among ${ALGORITHMS.join(', ')}`)).min(1)),
  RECANT_OIDC_TOKEN_TYPES: z
    .string()
    .default('at+jwt')
    .transform((text) => words(text.toLowerCase()))
    .pipe(z.array(z.enum(['at+jwt', 'jwt'], 'must be among at+jwt, JWT')).min(1)),
  /** One tenant for all people, or the claim that names it. */
  RECANT_OIDC_TENANT: claim.optional(),
  RECANT_OIDC_TENANT_CLAIM: claim.optional(),
  RECANT_OIDC_ROLES_CLAIM: claim.default('roles'),
  RECANT_OIDC_ROLES: z.string().default('').transform(parseRoles),
} as const;

type OpenIdEnv = z.output<z.ZodObject<typeof OPENID_ENV>>;

/** The OpenID provider, or an empty list without RECANT_OIDC_ISSUER. Sends no request yet. @param tenant of all people, unless the environment sets another. @throws ConfigError */
export function openIdPeople(env: OpenIdEnv, clock: () => number, tenant?: string): readonly People[] {
  const rules = rulesOf(env, tenant);
  return rules ? [createOpenIdPeople(rules, clock)] : [];
}

function rulesOf(env: OpenIdEnv, tenant: string | undefined): OpenIdRules | undefined {
  const { RECANT_OIDC_ISSUER: issuer, RECANT_OIDC_AUDIENCE: audience, RECANT_OIDC_TENANT_CLAIM: tenantClaim } = env;
  const fixed = env.RECANT_OIDC_TENANT ?? (tenantClaim === undefined ? tenant : undefined);
  if (issuer === undefined) {
    const idle = (['RECANT_OIDC_AUDIENCE', 'RECANT_OIDC_TENANT', 'RECANT_OIDC_TENANT_CLAIM'] as const).filter(
      (name) => env[name] !== undefined,
    );
    if (idle.length > 0) throw new ConfigError([`RECANT_OIDC_ISSUER is missing: required with ${idle.join(', ')}`]);
    return undefined;
  }
  const problems: string[] = [];
  if (audience === undefined)
    problems.push('RECANT_OIDC_AUDIENCE is missing: required with RECANT_OIDC_ISSUER, or tokens for other services would be accepted');
  if ((fixed === undefined) === (tenantClaim === undefined))
    problems.push('RECANT_OIDC_ISSUER: set either RECANT_OIDC_TENANT or RECANT_OIDC_TENANT_CLAIM');
  if (audience === undefined || problems.length > 0) throw new ConfigError(problems);
  return {
    issuer,
    audience,
    algorithms: env.RECANT_OIDC_ALGORITHMS,
    tokenTypes: env.RECANT_OIDC_TOKEN_TYPES,
    tenant: fixed === undefined ? { claim: tenantClaim as string } : { fixed },
    rolesClaim: env.RECANT_OIDC_ROLES_CLAIM,
    roles: env.RECANT_OIDC_ROLES,
  };
}

/** `<value>=<role>+<role>`, comma-separated; by default `recant:<role>` grants each role. */
function parseRoles(text: string, context: z.RefinementCtx): ReadonlyMap<string, readonly Role[]> {
  const items = text.split(',').map((item) => item.trim());
  if (items.every((item) => item === '')) return new Map(PERSON_ROLES.map((role) => [`recant:${role}`, [role]]));
  const roles = new Map<string, readonly Role[]>();
  for (const item of items.filter((each) => each !== '')) {
    const at = item.lastIndexOf('=');
    const named = item
      .slice(at + 1)
      .split('+')
      .map((name) => Role.safeParse(name));
    const given = named.flatMap(({ data }) => (data !== undefined && PERSON_ROLES.includes(data) ? [data] : []));
    if (at < 1 || given.length !== named.length)
      context.addIssue({
        code: 'custom',
        message: `must be <value>=<role>+<role>, comma-separated, with roles among ${PERSON_ROLES.join(', ')}`,
      });
    roles.set(item.slice(0, at).trim(), given);
  }
  return roles;
}

/** OpenID Connect Discovery 1.0, 2: https, host and optional path; no query, fragment or credentials. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const plain = !/[?#]/.test(text) && url.username === '' && url.password === '';
  return plain && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url)));
}
