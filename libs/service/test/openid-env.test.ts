import { ConfigError, OPENID_ENV, openIdPeople, readConfig } from '@recant/service';
import { expect, test } from 'vitest';
import { z } from 'zod';

const read = (env: Record<string, string>, tenant?: string) => openIdPeople(readConfig(z.object(OPENID_ENV), env), () => 0, tenant);
const whole = { RECANT_OIDC_ISSUER: 'https://id.example/realm', RECANT_OIDC_AUDIENCE: 'urn:recant', RECANT_OIDC_TENANT: 'acme' };
const refusal = (env: Record<string, string>): string => {
  try {
    read(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n');
    throw error;
  }
  return 'taken';
};

test('no provider, no people; a provider needs an audience and exactly one tenant setting', () => {
  expect(read({})).toEqual([]);
  expect(read(whole)).toMatchObject([{ scheme: 'bearer' }]);
  const { RECANT_OIDC_TENANT: _, ...without } = whole;
  expect(read(without, 'recant')).toHaveLength(1);
  expect(refusal(without)).toMatch(/either RECANT_OIDC_TENANT or RECANT_OIDC_TENANT_CLAIM/);
  expect(refusal({ ...whole, RECANT_OIDC_TENANT_CLAIM: 'org' })).toMatch(/either RECANT_OIDC_TENANT/);
  expect(refusal({ RECANT_OIDC_AUDIENCE: 'urn:recant' })).toMatch(/RECANT_OIDC_ISSUER is missing: required with RECANT_OIDC_AUDIENCE/);
  expect(refusal({ ...whole, RECANT_OIDC_AUDIENCE: '' })).toMatch(/RECANT_OIDC_AUDIENCE is missing/);
});

test.each([
  [
    'RECANT_OIDC_ISSUER',
    ['http://id.example', 'https://id.example?x', 'https://id.example#x', 'https://me@id.example', 'id.example', 'ftp://127.0.0.1'],
  ],
  ['RECANT_OIDC_ALGORITHMS', ['none', 'HS256', 'RS256 HS256', 'rs256', ',']],
  ['RECANT_OIDC_TOKEN_TYPES', ['logout+jwt', ' ']],
  ['RECANT_OIDC_ROLES', ['oncall', '=view', 'oncall=emit', 'oncall=view+rollback', 'oncall=everything', 'oncall=']],
])('an invalid value is refused at startup: %s', (name, values) => {
  for (const value of values) expect(refusal({ ...whole, [name]: value }), value).toContain(name);
});

test.each([
  ['RECANT_OIDC_ISSUER', ['http://127.0.0.1:8000', 'http://localhost:8000/', 'http://[::1]:1/x', 'https://id.example/']],
  ['RECANT_OIDC_ALGORITHMS', ['PS256, ES384', 'Ed25519']],
  ['RECANT_OIDC_TOKEN_TYPES', ['at+jwt,JWT']],
  ['RECANT_OIDC_ROLES', ['oncall=view+plan+execute, leads=view+approve', 'a=b=view']],
])('a valid value is accepted: %s', (name, values) => {
  for (const value of values) expect(refusal({ ...whole, [name]: value }), value).toBe('taken');
});
