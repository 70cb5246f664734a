import { createHash, randomBytes } from 'node:crypto';
import { REDIRECT, SCOPE } from './configuration.ts';

interface SignIn {
  readonly issuer: string;
  readonly secret: string;
  readonly audience: string;
  readonly subject: string;
}

const REDIRECTS_MAX = 10;

/** Acts as browser and web application: authorize, log in, receive the code, exchange it for a token. */
export async function signInByCode({ issuer, secret, audience, subject }: SignIn): Promise<string> {
  const verifier = randomBytes(32).toString('base64url');
  const asked = new URLSearchParams({
    client_id: 'console',
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: `openid ${SCOPE}`,
    resource: audience,
    login_hint: subject,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const code = await follow(new URL(`${issuer}/auth?${asked}`));
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT,
    code_verifier: verifier,
    resource: audience,
  });
  const authorization = `Basic ${Buffer.from(`console:${secret}`).toString('base64')}`;
  const response = await fetch(`${issuer}/token`, { method: 'POST', body: form, headers: { authorization } });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`OpenID provider answered ${response.status} without an access_token`);
  return token;
}

/** Follows the provider's redirects, with its cookies, up to the application's. @returns the code in that address */
async function follow(start: URL): Promise<string> {
  const cookies = new Map<string, string>();
  let at = start;
  for (let turn = 0; turn < REDIRECTS_MAX; turn += 1) {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const response = await fetch(at, { redirect: 'manual', headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) throw new Error(`expected a redirect from ${at.pathname}, got ${response.status}: ${await response.text()}`);
    at = new URL(location, at);
    const code = at.searchParams.get('code');
    if (at.href.startsWith(REDIRECT) && code !== null) return code;
  }
  throw new Error(`no authorization code after ${REDIRECTS_MAX} redirects`);
}
