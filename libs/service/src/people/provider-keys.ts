import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { isLoopback } from './loopback.ts';

/** Bytes of a provider's response. */
const ANSWER_BYTES_MAX = 262_144;
const KEYS_MAX = 100;

export interface ProviderLimits {
  /** Milliseconds for the document and the keys together. */
  readonly timeoutMs: number;
  /** Milliseconds for which keys are cached. */
  readonly cacheMs: number;
  /** Milliseconds between two fetches caused by an unknown key id, so that callers cannot choose the rate. */
  readonly coolDownMs: number;
}
export const PROVIDER_LIMITS: ProviderLimits = { timeoutMs: 5_000, cacheMs: 600_000, coolDownMs: 30_000 };
/** Milliseconds without requests after a failed fetch. */
const RETRY_MS = 2_000;

/** The provider is unreachable, or its response violates OpenID Connect Discovery 1.0. */
export class ProviderUnavailable extends Error {
  override readonly name = 'ProviderUnavailable';
}

const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });
const Jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(KEYS_MAX) });

/** Signing keys of an issuer, found through its discovery document and cached. Rejects with ProviderUnavailable or jose's errors. */
export function createProviderKeys(issuer: string, clock: () => number, limits: ProviderLimits): JWTVerifyGetKey {
  const document = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  let lastFailure: { readonly untilMs: number; readonly error: ProviderUnavailable } | undefined;

  async function fetchKeys(init: RequestInit): Promise<Response> {
    if (lastFailure && clock() < lastFailure.untilMs) throw lastFailure.error;
    try {
      const { issuer: claimed, jwks_uri } = await fetchJson(document, Discovery, init);
      if (claimed !== issuer) throw new ProviderUnavailable(`expected issuer ${issuer}, got another one (${document.href})`);
      const keysUrl = new URL(jwks_uri);
      // A remote provider must not direct requests to services on this machine.
      if (keysUrl.protocol !== 'https:' && !(isLoopback(keysUrl) && isLoopback(document)))
        throw new ProviderUnavailable(`jwks_uri ${keysUrl.href} is not https`);
      const keys = await fetchJson(keysUrl, Jwks, init);
      lastFailure = undefined;
      return Response.json(keys);
    } catch (error) {
      const failure = error instanceof ProviderUnavailable ? error : new ProviderUnavailable(`${issuer} is unreachable`, { cause: error });
      lastFailure = { untilMs: clock() + RETRY_MS, error: failure };
      throw failure;
    }
  }
  return createRemoteJWKSet(document, {
    [customFetch]: (_url, init) => fetchKeys(init as RequestInit),
    timeoutDuration: limits.timeoutMs,
    cacheMaxAge: limits.cacheMs,
    cooldownDuration: limits.coolDownMs,
  });
}

/** Fetches JSON within ANSWER_BYTES_MAX; a redirect is an error. */
async function fetchJson<T>(url: URL, schema: z.ZodType<T>, init: RequestInit): Promise<T> {
  const response = await fetch(url, init);
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the body.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) throw new ProviderUnavailable(`response exceeds ${ANSWER_BYTES_MAX} bytes (${url.href})`);
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new ProviderUnavailable(`expected status 200, got ${response.status} (${url.href})`);
  const parsed = schema.safeParse(JSON.parse(Buffer.concat(chunks).toString()));
  if (!parsed.success) throw new ProviderUnavailable(`response does not match the OpenID Connect schema (${url.href})`);
  return parsed.data;
}
