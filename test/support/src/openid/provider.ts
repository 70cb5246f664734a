import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { type Algorithm, configurationOf, newKeys, SCOPE, type TestPerson } from './configuration.ts';
import { signInByCode } from './sign-in.ts';

export interface TestProvider {
  readonly issuer: string;
  /** Signs in through the provider's own pages (authorization code flow with PKCE). @returns an access token for the audience */
  signIn(person: TestPerson, audience: string, algorithm?: Algorithm): Promise<string>;
  /** A client-credentials token, as a program gets it. */
  programToken(audience: string): Promise<string>;
  /** Signs with new keys from now on; `keepOld` leaves the old ones in the key set. */
  rotate(options: { readonly keepOld: boolean }): void;
  /** While away, the provider closes every connection without an answer. */
  setAway(away: boolean): void;
  /** Number of requests for `/.well-known/` documents. */
  readonly asked: number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a real OpenID provider on its own port; it accepts every subject without a password. */
export async function testOpenIdProvider(): Promise<TestProvider> {
  const people = new Map<string, TestPerson>();
  const algorithms = new Map<string, Algorithm>();
  const secret = randomBytes(16).toString('hex');
  let keys = newKeys();
  let isAway = false;
  let asked = 0;
  let provider: Provider;
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/.well-known/')) asked += 1;
    if (isAway) request.socket.destroy();
    else if (request.url?.startsWith('/interaction/')) void logIn(request, response);
    else provider.callback()(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const build = () => {
    provider = new Provider(issuer, configurationOf({ keys, secret, people, algorithms }));
  };
  build();

  async function logIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { params } = await provider.interactionDetails(request, response);
    await provider.interactionFinished(request, response, { login: { accountId: params.login_hint } });
  }

  return {
    issuer,
    signIn(person, audience, algorithm = 'RS256') {
      people.set(person.subject, person);
      algorithms.set(audience, algorithm);
      return signInByCode({ issuer, secret, audience, subject: person.subject });
    },
    async programToken(audience) {
      const form = new URLSearchParams({ grant_type: 'client_credentials', resource: audience, scope: SCOPE });
      const authorization = `Basic ${Buffer.from(`program:${secret}`).toString('base64')}`;
      const response = await fetch(`${issuer}/token`, { method: 'POST', body: form, headers: { authorization } });
      return ((await response.json()) as { access_token: string }).access_token;
    },
    rotate({ keepOld }) {
      keys = keepOld ? [...newKeys(), ...keys] : newKeys();
      build();
    },
    setAway(away) {
      isAway = away;
    },
    get asked() {
      return asked;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
