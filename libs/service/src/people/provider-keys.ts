import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { isLoopback } from './loopback.ts';

/** Bytes of an answer of the provider. */
const ANSWER_BYTES_MAX = 262_144;
const KEYS_MAX = 100;

export interface ProviderLimits {
  /** Milliseconds for the document and the keys together. */
  readonly timeoutMs: number;
  /** Milliseconds for which keys are believed before they are asked for again. */
  readonly cacheMs: number;
  /** Milliseconds after which an unknown key, or a provider that was away, lets it be asked again: a caller must not choose how often. */
  readonly coolDownMs: number;
}
export const PROVIDER_LIMITS: ProviderLimits = { timeoutMs: 5_000, cacheMs: 600_000, coolDownMs: 30_000 };
/** Milliseconds for which a provider that was away is not asked again. */
const AWAY_MS = 2_000;

/** The provider does not answer, or not as OpenID Connect Discovery 1.0 says. */
export class ProviderAway extends Error {
  override readonly name = 'ProviderAway';
}

const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });
const Jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(KEYS_MAX) });

/** The signing keys of an issuer, found through its discovery document and kept for a while. What it rejects with is `ProviderAway`, or jose's. */
export function createProviderKeys(issuer: string, clock: () => number, limits: ProviderLimits): JWTVerifyGetKey {
  const document = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  let away: { readonly untilMs: number; readonly error: ProviderAway } | undefined;

  async function fetchKeys(init: RequestInit): Promise<Response> {
    if (away && clock() < away.untilMs) throw away.error;
    try {
      const { issuer: said, jwks_uri } = await ask(document, Discovery, init);
      if (said !== issuer) throw new ProviderAway(`${document.href} says that it is of another issuer`);
      const place = new URL(jwks_uri);
      // A provider elsewhere has no business with what listens on this machine.
      if (place.protocol !== 'https:' && !(isLoopback(place) && isLoopback(document))) throw new ProviderAway(`${place.href} is not https`);
      const keys = await ask(place, Jwks, init);
      away = undefined;
      return Response.json(keys);
    } catch (error) {
      const told = error instanceof ProviderAway ? error : new ProviderAway(`${issuer} does not answer`, { cause: error });
      away = { untilMs: clock() + AWAY_MS, error: told };
      throw told;
    }
  }
  return createRemoteJWKSet(document, {
    [customFetch]: (_url, init) => fetchKeys(init as RequestInit),
    timeoutDuration: limits.timeoutMs,
    cacheMaxAge: limits.cacheMs,
    cooldownDuration: limits.coolDownMs,
  });
}

/** One answer, all of it within bounds; a redirect is no answer. */
async function ask<T>(url: URL, schema: z.ZodType<T>, init: RequestInit): Promise<T> {
  const response = await fetch(url, init);
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the body.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) throw new ProviderAway(`${url.href} answers with more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new ProviderAway(`${url.href} answers with status ${response.status}`);
  const parsed = schema.safeParse(JSON.parse(Buffer.concat(chunks).toString()));
  if (!parsed.success) throw new ProviderAway(`${url.href} answers with something else than it should`);
  return parsed.data;
}
