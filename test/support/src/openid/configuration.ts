import { generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';

export type Algorithm = 'RS256' | 'ES256' | 'EdDSA';
export const SCOPE = 'use';
export const REDIRECT = 'https://console.invalid/signed-in';
const TOKEN_SECONDS = 600;

export interface TestPerson {
  readonly subject: string;
  /** Copied into the access token unchanged. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface ProviderState {
  readonly keys: readonly JsonWebKey[];
  readonly secret: string;
  readonly people: ReadonlyMap<string, TestPerson>;
  /** By audience. */
  readonly algorithms: ReadonlyMap<string, Algorithm>;
}

interface Context {
  readonly oidc: {
    readonly provider: import('oidc-provider').Provider;
    readonly client: { readonly clientId: string };
    readonly session: { readonly accountId: string };
    readonly params: Readonly<Record<string, string>>;
  };
}

/** One account per person, consent to one scope granted automatically, and a JWT for each requested resource. */
export function configurationOf({ keys, secret, people, algorithms }: ProviderState): Readonly<Record<string, unknown>> {
  const client = { client_secret: secret, response_types: [], redirect_uris: [] };
  return {
    adapter: createMemoryAdapter(0),
    jwks: { keys },
    cookies: { keys: [secret] },
    clients: [
      { ...client, client_id: 'console', grant_types: ['authorization_code'], response_types: ['code'], redirect_uris: [REDIRECT] },
      { ...client, client_id: 'program', grant_types: ['client_credentials'] },
    ],
    scopes: ['openid'],
    ttl: Object.fromEntries(
      ['AccessToken', 'ClientCredentials', 'Grant', 'IdToken', 'Interaction', 'Session'].map((kind) => [kind, TOKEN_SECONDS]),
    ),
    findAccount: (_context: unknown, subject: string) => ({ accountId: subject, claims: () => ({ sub: subject }) }),
    extraTokenClaims: (_context: unknown, token: { readonly accountId?: string }) => people.get(token.accountId ?? '')?.claims,
    async loadExistingGrant({ oidc }: Context) {
      const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
      grant.addOIDCScope('openid');
      grant.addResourceScope(oidc.params.resource ?? '', SCOPE);
      await grant.save();
      return grant;
    },
    interactions: { url: (_context: unknown, interaction: { readonly uid: string }) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: unknown, audience: string) => ({
          scope: SCOPE,
          audience,
          accessTokenTTL: TOKEN_SECONDS,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: algorithms.get(audience) ?? 'RS256' } },
        }),
      },
    },
  };
}

/** One private key of each algorithm. */
export function newKeys(): JsonWebKey[] {
  const pairs = [
    { alg: 'RS256', ...generateKeyPairSync('rsa', { modulusLength: 2048 }) },
    { alg: 'ES256', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
    { alg: 'EdDSA', ...generateKeyPairSync('ed25519') },
  ];
  return pairs.map(({ alg, privateKey }) => ({
    ...privateKey.export({ format: 'jwk' }),
    alg,
    use: 'sig',
    kid: randomBytes(8).toString('hex'),
  }));
}
