import { errors, type JWTPayload, jwtVerify } from 'jose';
import { type ClaimRules, personOf } from './claims.ts';
import type { Identified, People } from './port.ts';
import { createProviderKeys, PROVIDER_LIMITS, type ProviderLimits, ProviderUnavailable } from './provider-keys.ts';

/** Characters of a token; a longer one is refused unparsed. */
const TOKEN_CHARACTERS_MAX = 8_192;
/** Seconds of tolerated clock difference to the provider. */
const CLOCK_TOLERANCE_SECONDS = 30;
/** Seconds after `iat` at which a token is refused, whatever its `exp`. */
const TOKEN_AGE_SECONDS_MAX = 86_400;

export interface OpenIdRules extends ClaimRules {
  readonly issuer: string;
  readonly audience: string;
  /** Asymmetric algorithms only: a verifier must not be able to sign. */
  readonly algorithms: readonly string[];
  /** Values of `typ`, in lower case and without `application/`. RFC 9068 4 allows `at+jwt` only, so that no other kind of token passes as an access token. */
  readonly tokenTypes: readonly string[];
}

/** Authenticates people by access tokens of an OpenID provider (RFC 9068). @param clock milliseconds since 1970, UTC */
export function createOpenIdPeople(rules: OpenIdRules, clock: () => number, limits: ProviderLimits = PROVIDER_LIMITS): People {
  const keys = createProviderKeys(rules.issuer, clock, limits);
  return {
    scheme: 'bearer',
    async identify(token) {
      if (token.length > TOKEN_CHARACTERS_MAX) return { kind: 'unknown', reason: 'too long' };
      try {
        const { payload, protectedHeader } = await jwtVerify(token, keys, {
          issuer: rules.issuer,
          audience: rules.audience,
          algorithms: [...rules.algorithms],
          requiredClaims: ['exp', 'iat', 'sub'],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          maxTokenAge: TOKEN_AGE_SECONDS_MAX,
          currentDate: new Date(clock()),
        });
        if (!rules.tokenTypes.includes(plainType(protectedHeader.typ))) return { kind: 'unknown', reason: 'typ' };
        return identified(payload, rules);
      } catch (error) {
        return refusalOf(error);
      }
    },
  };
}

function identified(payload: JWTPayload, rules: ClaimRules): Identified {
  const person = personOf(payload, rules);
  return 'invalidClaim' in person ? { kind: 'unknown', reason: person.invalidClaim } : { kind: 'person', caller: person };
}

function plainType(typ: unknown): string {
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : '';
}

/** jose's errors concern the token, except for provider keys. Its claim errors contain the whole token, so that only code and claim name are used. */
function refusalOf(error: unknown): Identified {
  if (error instanceof ProviderUnavailable) return { kind: 'unavailable', reason: error.message };
  if (error instanceof errors.JWKSTimeout) return { kind: 'unavailable', reason: 'timeout' };
  if (error instanceof errors.JWKSInvalid) return { kind: 'unavailable', reason: 'invalid key set' };
  if (error instanceof errors.JOSEError)
    return { kind: 'unknown', reason: 'claim' in error ? `${error.code} ${String(error.claim)}` : error.code };
  // jose throws TypeError for a provider key that does not match its algorithm or is too short.
  return { kind: 'unknown', reason: error instanceof Error ? error.name : 'unknown' };
}
