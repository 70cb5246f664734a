/** What a request costs. */
export interface Cost {
  readonly requests?: number;
  readonly events?: number;
  readonly bytes?: number;
}

/** A second; 0: no limit. */
export type Rate = Readonly<Required<Cost>>;

export interface Rates {
  readonly key: Rate;
  readonly tenant: Rate;
}

/** Far above what an agent does, of one process each. */
export const RATES_DEFAULT: Rates = {
  key: { requests: 2_000, events: 50_000, bytes: 67_108_864 },
  tenant: { requests: 4_000, events: 100_000, bytes: 134_217_728 },
};

/** Seconds of its rate that somebody who was quiet may use at once. */
const BURST_SECONDS = 10;
/** Buckets kept; those that are full again are forgotten first. */
const BUCKETS_MAX = 10_000;

export interface Payer {
  readonly tenant: string;
  /** Of the key or person. */
  readonly id: string;
  /** Pays from its own bucket alone: what its tenant's agents send is not held against a person who wants to stop them. */
  readonly operator: boolean;
}

/** Why nothing more is taken now. */
export interface Debt {
  readonly retryAfterSeconds: number;
  readonly whose: 'key' | 'tenant';
  readonly kind: keyof Cost;
  readonly perSecond: number;
}

export interface RateLimits {
  /**
   * Charges the cost, or nothing where the payer is in debt with any of it. Who is not in debt may go into it, once: what a request costs is
   * known only after it was read. A cost of 0 asks.
   */
  charge(payer: Payer, cost: Cost): Debt | undefined;
}

interface Bucket {
  /** Units left; below 0 is debt. */
  level: number;
  at: number;
}

const KINDS = ['requests', 'events', 'bytes'] as const;

/** Token buckets of each key and tenant. @param clock milliseconds, monotonic. */
export function createRateLimits(rates: Rates, clock: () => number): RateLimits {
  const buckets = new Map<string, Bucket>();

  function bucketOf(name: string, perSecond: number, now: number): Bucket {
    const bucket = buckets.get(name) ?? { level: perSecond * BURST_SECONDS, at: now };
    bucket.level = Math.min(perSecond * BURST_SECONDS, bucket.level + ((now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
    // The one that was used last stands last.
    buckets.delete(name);
    buckets.set(name, bucket);
    return bucket;
  }

  function forget(): void {
    for (const name of buckets.keys()) {
      if (buckets.size <= BUCKETS_MAX) return;
      buckets.delete(name);
    }
  }

  return {
    charge({ tenant, id, operator }, cost) {
      const now = clock();
      const payers = [
        { whose: 'key', name: `key ${tenant} ${id}`, rate: rates.key },
        ...(operator ? [] : [{ whose: 'tenant', name: `tenant ${tenant}`, rate: rates.tenant } as const]),
      ] as const;
      const charged = payers.flatMap(({ whose, name, rate }) =>
        KINDS.filter((kind) => cost[kind] !== undefined && rate[kind] > 0).map((kind) => ({
          ...{ whose, kind, perSecond: rate[kind], units: cost[kind] as number },
          bucket: bucketOf(`${kind} ${name}`, rate[kind], now),
        })),
      );
      forget();
      const debts = charged
        .filter(({ bucket }) => bucket.level <= 0)
        .map(({ bucket, whose, kind, perSecond }) => {
          return { whose, kind, perSecond, retryAfterSeconds: Math.max(1, Math.ceil(-bucket.level / perSecond)) };
        });
      if (debts.length > 0) return debts.toSorted((one, other) => other.retryAfterSeconds - one.retryAfterSeconds)[0];
      for (const { bucket, units } of charged) bucket.level -= units;
      return undefined;
    },
  };
}
