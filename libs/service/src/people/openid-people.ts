import { errors, type JWTPayload, jwtVerify } from 'jose';
import { type ClaimRules, personOf } from './claims.ts';
import type { Identified, People } from './port.ts';
import { createProviderKeys, PROVIDER_LIMITS, ProviderAway, type ProviderLimits } from './provider-keys.ts';

/** Characters of a token; over it nothing is looked at. */
export const TOKEN_CHARACTERS_MAX = 8_192;
/** Seconds that the provider's clock and this one may differ. */
const CLOCK_TOLERANCE_SECONDS = 30;
/** Seconds after which a token is too old, however long it says that it is good for. */
const TOKEN_AGE_SECONDS_MAX = 86_400;

export interface OpenIdRules extends ClaimRules {
  readonly issuer: string;
  readonly audience: string;
  /** Asymmetric ones: whoever can check a signature must not be able to make one. */
  readonly algorithms: readonly string[];
  /** Values of `typ`, in lower case and without `application/`. RFC 9068 4 takes `at+jwt` alone, so that no other token of the provider passes for one. */
  readonly tokenTypes: readonly string[];
}

/** People by access tokens that an OpenID provider signed (RFC 9068). @param clock milliseconds since 1970, UTC */
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
  return 'unfit' in person ? { kind: 'unknown', reason: person.unfit } : { kind: 'person', caller: person };
}

function plainType(typ: unknown): string {
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : '';
}

/** What jose throws is about the token, but for keys that cannot be had. Its claim errors carry the whole token: only code and claim go on. */
function refusalOf(error: unknown): Identified {
  if (error instanceof ProviderAway) return { kind: 'away', reason: error.message };
  if (error instanceof errors.JWKSTimeout) return { kind: 'away', reason: 'no answer in time' };
  if (error instanceof errors.JWKSInvalid) return { kind: 'away', reason: 'its keys are no key set' };
  if (error instanceof errors.JOSEError)
    return { kind: 'unknown', reason: 'claim' in error ? `${error.code} ${String(error.claim)}` : error.code };
  // A key of the provider that does not fit its algorithm (jose: TypeError), or is shorter than it may be.
  return { kind: 'unknown', reason: error instanceof Error ? error.name : 'unknown' };
}
