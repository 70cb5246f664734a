import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { route } from '@recant/api';
import { API_SECRET_BYTES, formatApiKey } from '@recant/events';
import {
  createApp,
  createLogger,
  createOpenIdPeople,
  createRouter,
  handle,
  type Listening,
  listen,
  type OpenIdRules,
} from '@recant/service';
import { type TestProvider, testOpenIdProvider } from '@recant/test-support/openid';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PROVIDER_LIMITS, type ProviderLimits } from '../src/people/provider-keys.ts';

const AUDIENCE = 'urn:recant:api';
const ada = { subject: 'ada@example.org', claims: { org: 'acme', realm_access: { roles: ['oncall', 'gardener'] } } };

const whoAmI = route({
  operationId: 'whoAmI',
  method: 'get',
  path: '/v1/me',
  tag: 't',
  summary: 's',
  roles: ['view'],
  responses: {
    200: { description: 'you', schema: z.object({ id: z.string(), tenant: z.string(), roles: z.array(z.string()).readonly() }) },
  },
});

let provider: TestProvider;
const listening: Listening[] = [];
beforeAll(async () => {
  provider = await testOpenIdProvider();
});
afterEach(async () => {
  provider.setAway(false);
  for (const each of listening.splice(0)) await each.close(1_000);
});
afterAll(() => provider[Symbol.asyncDispose]());

const rules = (over: Partial<OpenIdRules> = {}): OpenIdRules => ({
  issuer: provider.issuer,
  audience: AUDIENCE,
  algorithms: ['RS256', 'ES256', 'EdDSA'],
  tokenTypes: ['at+jwt'],
  tenant: { claim: 'org' },
  rolesClaim: 'realm_access.roles',
  roles: new Map([['oncall', ['view', 'plan']]]),
  ...over,
});

interface Asking {
  readonly over?: Partial<OpenIdRules>;
  readonly clock?: () => number;
  readonly limits?: Partial<ProviderLimits>;
}

/** A service that trusts the provider. @returns its answer to a token, and the logged reason */
async function believer({ over, clock = Date.now, limits }: Asking = {}) {
  const reasons: string[] = [];
  const logger = createLogger({
    name: 't',
    level: 'debug',
    destination: {
      write(line) {
        const { reason } = JSON.parse(line) as { reason?: string };
        if (reason !== undefined) reasons.push(reason);
      },
    },
  });
  const router = createRouter('t', [
    handle(whoAmI, async ({ caller: { id, tenant, roles } }) => ({ status: 200, body: { id, tenant, roles } })),
  ]);
  const acts = { order: async () => async () => {}, refused: () => {}, close: async () => {} };
  const people = [createOpenIdPeople(rules(over), clock, { ...PROVIDER_LIMITS, ...limits })];
  const keyring = { find: async () => undefined };
  const app = createApp({ title: 't', version: '1', routers: [router], keyring, people, acts, logger, health: {}, requestId: randomUUID });
  const at = await listen(app, { host: '127.0.0.1', port: 0 });
  listening.push(at);
  return async (token: string, scheme = 'Bearer') => {
    const response = await fetch(`${at.url}/v1/me`, { headers: { authorization: `${scheme} ${token}` } });
    const body = (await response.json()) as { id?: string; tenant?: string; roles?: string[]; code?: string; detail?: string };
    return { status: response.status, ...body, reason: reasons.at(-1) };
  };
}

test.each(['RS256', 'ES256', 'EdDSA'] as const)(
  'a person who signed in is who the provider says, with the tenant and roles of their claims: %s',
  async (algorithm) => {
    const ask = await believer();
    const token = await provider.signIn(ada, AUDIENCE, algorithm);
    expect(await ask(token)).toMatchObject({ status: 200, id: 'person:ada@example.org', tenant: 'acme', roles: ['view', 'plan'] });
    expect(await ask(token, 'bearer')).toMatchObject({ status: 200 });
  },
);

test('a role that the claims do not grant is missing', async () => {
  const ask = await believer();
  const token = await provider.signIn({ subject: 'bob', claims: { org: 'acme', realm_access: { roles: ['gardener', 'view'] } } }, AUDIENCE);
  expect(await ask(token)).toMatchObject({ status: 403, code: 'role_missing' });
});

test('tokens with a wrong audience, issuer, type or subject are refused with the same text', async () => {
  const ask = await believer();
  const stranger = await testOpenIdProvider();
  await using _ = stranger;
  const good = await provider.signIn(ada, AUDIENCE);
  const [head = '', body = '', signature = ''] = good.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as JWTPayload;
  const tampered = Buffer.from(JSON.stringify({ ...claims, org: 'other' })).toString('base64url');
  const shown = (await (await fetch(`${provider.issuer}/jwks`)).json()) as { keys: { alg: string; kid: string }[] };
  const jwk = shown.keys.find(({ alg }) => alg === 'RS256');
  const publicPem = createPublicKey({ key: jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const header = { alg: 'HS256', typ: 'at+jwt', kid: jwk?.kid ?? '' };
  const cases: Readonly<Record<string, readonly [token: string, reason: string]>> = {
    'wrong audience': [await provider.signIn(ada, 'urn:other:api'), 'ERR_JWT_CLAIM_VALIDATION_FAILED aud'],
    'wrong issuer': [await stranger.signIn(ada, AUDIENCE), 'ERR_JWKS_NO_MATCHING_KEY'],
    tampered: [`${head}.${tampered}.${signature}`, 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'],
    'cut short': [good.slice(0, -8), 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'],
    'alg none': [new UnsecuredJWT(claims).encode(), 'ERR_JOSE_ALG_NOT_ALLOWED'],
    'HS256 under the public key': [
      await new SignJWT(claims).setProtectedHeader(header).sign(Buffer.from(publicPem)),
      'ERR_JOSE_ALG_NOT_ALLOWED',
    ],
    'a program’s own': [await provider.programToken(AUDIENCE), 'sub'],
    'too long': [`${good}.${'x'.repeat(8_192)}`, 'too long'],
    'no token': ['recant', 'ERR_JWS_INVALID'],
  };
  for (const [name, [token, reason]] of Object.entries(cases)) {
    const { detail, ...answer } = await ask(token);
    expect(answer, name).toMatchObject({ status: 401, code: 'unauthenticated', reason });
    expect(detail, name).toBe('Authentication failed: the token or password is not valid.');
  }
  expect(await ask(good)).toMatchObject({ status: 200 });
});

test('an algorithm that is not configured is refused, even if the provider uses it', async () => {
  const ask = await believer({ over: { algorithms: ['ES256'] } });
  expect(await ask(await provider.signIn(ada, AUDIENCE, 'RS256'))).toMatchObject({ status: 401, reason: 'ERR_JOSE_ALG_NOT_ALLOWED' });
  expect(await ask(await provider.signIn(ada, AUDIENCE, 'ES256'))).toMatchObject({ status: 200 });
});

test('a token is valid from iat to exp, with 30 s of tolerance', async () => {
  let now = Date.now();
  const ask = await believer({ clock: () => now });
  const token = await provider.signIn(ada, AUDIENCE);
  const { iat = 0, exp = 0 } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as JWTPayload;
  const at = async (seconds: number) => {
    now = seconds * 1_000;
    const { status, reason } = await ask(token);
    return status === 200 ? status : `${status} ${reason}`;
  };
  expect(await at(iat - 31)).toBe('401 ERR_JWT_CLAIM_VALIDATION_FAILED iat');
  expect([await at(iat - 29), await at(exp + 29)]).toEqual([200, 200]);
  expect(await at(exp + 31)).toBe('401 ERR_JWT_EXPIRED exp');
});

test('rotated provider keys are picked up; tokens under a withdrawn key are refused', async () => {
  const ask = await believer({ limits: { coolDownMs: 0 } });
  const first = await provider.signIn(ada, AUDIENCE);
  expect(await ask(first)).toMatchObject({ status: 200 });
  provider.rotate({ keepOld: true });
  const second = await provider.signIn(ada, AUDIENCE);
  expect(await ask(second)).toMatchObject({ status: 200 });
  expect(await ask(first)).toMatchObject({ status: 200 });
  provider.rotate({ keepOld: false });
  const third = await provider.signIn(ada, AUDIENCE);
  expect(await ask(third)).toMatchObject({ status: 200 });
  expect(await ask(first)).toMatchObject({ status: 401, reason: 'ERR_JWKS_NO_MATCHING_KEY' });
});

test('unknown key ids do not cause a provider request each', async () => {
  const ask = await believer();
  await using stranger = await testOpenIdProvider();
  const foreign = await stranger.signIn(ada, AUDIENCE);
  const before = provider.asked;
  for (let n = 0; n < 20; n += 1) expect(await ask(foreign)).toMatchObject({ status: 401 });
  expect(provider.asked - before).toBe(1);
});

test('an unreachable provider is reported, and retried after a pause', async () => {
  let now = Date.now();
  const ask = await believer({ clock: () => now });
  const token = await provider.signIn(ada, AUDIENCE);
  provider.setAway(true);
  const before = provider.asked;
  for (let n = 0; n < 5; n += 1) expect(await ask(token)).toMatchObject({ status: 503, code: 'identity_unavailable' });
  expect(provider.asked - before).toBe(1);
  provider.setAway(false);
  now += 3_000;
  expect(await ask(token)).toMatchObject({ status: 200 });
});

/** A hostile provider: invalid discovery documents, key sets and tokens. */
async function dishonestProvider(jwks: (issuer: string) => unknown, document: (issuer: string) => object) {
  const server = createServer((request, response) => {
    const issuer = `http://${request.headers.host}`;
    if (request.url === '/elsewhere') Object.assign(response, { statusCode: 302 }).setHeader('location', `${issuer}/jwks`);
    const body = request.url === '/jwks' ? jwks(issuer) : document(issuer);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A provider that accepts each request and never ends its answer. `asked` resolves at the first request. */
async function hangingProvider(begin: (response: ServerResponse) => void) {
  const asked = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    begin(response);
    asked.resolve();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: asked.promise,
    hangUp: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe.each<[name: string, begin: (response: ServerResponse) => void]>([
  ['does not answer', () => {}],
  ['never ends its answer', (response) => response.writeHead(200, { 'content-type': 'application/json' }).write('{')],
])('a provider that %s', (_name, begin) => {
  test('is given up after the time limit', async () => {
    await using hanging = await hangingProvider(begin);
    const ask = await believer({ over: { issuer: hanging.issuer }, limits: { timeoutMs: 50 } });
    const token = await provider.signIn(ada, AUDIENCE);
    expect(await ask(token)).toMatchObject({ status: 503, code: 'identity_unavailable' });
    // Without the pause after a failure, each token would wait for the limit again.
    expect(await ask(token)).toMatchObject({ status: 503, code: 'identity_unavailable' });
  });

  test('delays nobody but those who sign in through it', async () => {
    await using hanging = await hangingProvider(begin);
    const ask = await believer({ over: { issuer: hanging.issuer }, limits: { timeoutMs: 600_000 } });
    const token = await provider.signIn(ada, AUDIENCE);
    const waiting = Array.from({ length: 50 }, () => ask(token));
    await hanging.asked;
    expect(await ask(formatApiKey({ keyId: 'unknown', secret: randomBytes(API_SECRET_BYTES) }))).toMatchObject({ status: 401 });
    hanging.hangUp();
    for (const answer of await Promise.all(waiting)) expect(answer).toMatchObject({ status: 503, code: 'identity_unavailable' });
  });
});

const pair = (kind: 'ok' | 'short') => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: kind === 'ok' ? 2048 : 1024 });
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' } };
};
const NOW = Date.UTC(2026, 10, 26);
const sign = (key: KeyObject, claims: Record<string, unknown>, header: Record<string, string> = {}) =>
  new SignJWT({
    iat: NOW / 1_000,
    exp: NOW / 1_000 + 60,
    aud: AUDIENCE,
    sub: 'eve',
    org: 'acme',
    realm_access: { roles: ['oncall'] },
    ...claims,
  })
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'k', ...header })
    .sign(key);

test('invalid claims in a signed token are refused by name', async () => {
  const { jwk, privateKey } = pair('ok');
  await using place = await dishonestProvider(
    () => ({ keys: [jwk] }),
    (issuer) => ({ issuer, jwks_uri: `${issuer}/jwks` }),
  );
  const { issuer: iss } = place;
  const ask = await believer({ over: { issuer: iss }, clock: () => NOW });
  expect(await ask(await sign(privateKey, { iss }))).toMatchObject({ status: 200, id: 'person:eve' });
  expect(await ask(await sign(privateKey, { iss, aud: ['urn:x', AUDIENCE] }))).toMatchObject({ status: 200 });
  const cases: readonly (readonly [claims: Record<string, unknown>, reason: string, header?: Record<string, string>])[] = [
    [{ iss: 'https://elsewhere.example' }, 'ERR_JWT_CLAIM_VALIDATION_FAILED iss'],
    [{ iss: `${iss}/` }, 'ERR_JWT_CLAIM_VALIDATION_FAILED iss'],
    [{ iss, aud: ['urn:x'] }, 'ERR_JWT_CLAIM_VALIDATION_FAILED aud'],
    [{ iss, exp: undefined }, 'ERR_JWT_CLAIM_VALIDATION_FAILED exp'],
    [{ iss, iat: undefined }, 'ERR_JWT_CLAIM_VALIDATION_FAILED iat'],
    [{ iss, iat: NOW / 1_000 - 90_000 }, 'ERR_JWT_EXPIRED iat'],
    [{ iss, nbf: NOW / 1_000 + 40 }, 'ERR_JWT_CLAIM_VALIDATION_FAILED nbf'],
    [{ iss, sub: undefined }, 'ERR_JWT_CLAIM_VALIDATION_FAILED sub'],
    [{ iss, sub: '' }, 'sub'],
    [{ iss, sub: 'a\u0000b' }, 'sub'],
    [{ iss, sub: 'x'.repeat(241) }, 'sub'],
    [{ iss, azp: 'eve' }, 'sub'],
    [{ iss, cnf: { jkt: 'x' } }, 'cnf'],
    [{ iss, org: undefined }, 'tenant'],
    [{ iss, org: 7 }, 'tenant'],
    [{ iss, org: 'recant' }, 'tenant'],
    [{ iss, org: 'a b' }, 'tenant'],
    [{ iss }, 'typ', { typ: 'JWT' }],
    [{ iss }, 'typ', { typ: 'logout+jwt' }],
    [{ iss }, 'ERR_JWKS_NO_MATCHING_KEY', { kid: 'other' }],
  ];
  for (const [claims, reason, header] of cases)
    expect(await ask(await sign(privateKey, claims, header)), `${JSON.stringify(claims)} ${reason}`).toMatchObject({ status: 401, reason });
  const roles = async (value: unknown) => ask(await sign(privateKey, { iss, realm_access: { roles: value } }));
  expect(await roles('gardener oncall')).toMatchObject({ roles: ['view', 'plan'] });
  for (const value of [undefined, null, 7, { oncall: true }, [['oncall']], [{}], 'ONCALL', '__proto__'])
    expect(await roles(value), JSON.stringify(value)).toMatchObject({ status: 403 });
});

test.each<[name: string, jwks: (issuer: string) => unknown, document: (issuer: string) => object]>([
  [
    'says that it is another',
    () => ({ keys: [pair('ok').jwk] }),
    (issuer) => ({ issuer: 'https://elsewhere.example', jwks_uri: `${issuer}/jwks` }),
  ],
  ['names keys over plain HTTP elsewhere', () => ({}), (issuer) => ({ issuer, jwks_uri: 'http://keys.example/jwks' })],
  ['answers without end', () => ({ keys: [], more: 'x'.repeat(300_000) }), (issuer) => ({ issuer, jwks_uri: `${issuer}/jwks` })],
  ['sends it elsewhere', () => ({ keys: [pair('ok').jwk] }), (issuer) => ({ issuer, jwks_uri: `${issuer}/elsewhere` })],
  ['shows no keys', () => ['nothing'], (issuer) => ({ issuer, jwks_uri: `${issuer}/jwks` })],
])('a provider that %s counts as unreachable', async (_name, jwks, document) => {
  await using place = await dishonestProvider(jwks, document);
  const ask = await believer({ over: { issuer: place.issuer }, clock: () => NOW });
  const token = await sign(pair('ok').privateKey, { iss: place.issuer });
  expect(await ask(token)).toMatchObject({ status: 503, code: 'identity_unavailable' });
});

test('tokens under a provider key that is too short are refused', async () => {
  const { jwk, privateKey } = pair('short');
  await using place = await dishonestProvider(
    () => ({ keys: [jwk] }),
    (issuer) => ({ issuer, jwks_uri: `${issuer}/jwks` }),
  );
  const ask = await believer({ over: { issuer: place.issuer }, clock: () => NOW });
  // jose refuses to sign with such a short key, so the token is signed by hand.
  const input = [
    { alg: 'RS256', typ: 'at+jwt', kid: 'k' },
    { iss: place.issuer, aud: AUDIENCE, sub: 'eve', org: 'acme', iat: NOW / 1_000, exp: NOW / 1_000 + 60 },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const { sign: signBytes } = await import('node:crypto');
  const token = `${input}.${signBytes('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
  expect(await ask(token)).toMatchObject({ status: 401 });
});
