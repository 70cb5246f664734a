import { z } from 'zod';
import { RATES_DEFAULT, type Rates } from './rate-limit.ts';

const rate = (perSecond: number) =>
  z.coerce.number('must be a number').int('must be a whole number').min(0, 'must be 0 or more').default(perSecond);

/** Limits per second and process, of one key and of all keys of a tenant. 0: no limit. */
export const RATE_ENV = {
  RECANT_RATE_KEY_REQUESTS: rate(RATES_DEFAULT.key.requests),
  RECANT_RATE_KEY_EVENTS: rate(RATES_DEFAULT.key.events),
  RECANT_RATE_KEY_BYTES: rate(RATES_DEFAULT.key.bytes),
  RECANT_RATE_TENANT_REQUESTS: rate(RATES_DEFAULT.tenant.requests),
  RECANT_RATE_TENANT_EVENTS: rate(RATES_DEFAULT.tenant.events),
  RECANT_RATE_TENANT_BYTES: rate(RATES_DEFAULT.tenant.bytes),
};

export function ratesOf(env: z.output<z.ZodObject<typeof RATE_ENV>>): Rates {
  return {
    key: { requests: env.RECANT_RATE_KEY_REQUESTS, events: env.RECANT_RATE_KEY_EVENTS, bytes: env.RECANT_RATE_KEY_BYTES },
    tenant: { requests: env.RECANT_RATE_TENANT_REQUESTS, events: env.RECANT_RATE_TENANT_EVENTS, bytes: env.RECANT_RATE_TENANT_BYTES },
  };
}
