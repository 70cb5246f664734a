/** Cost of a request. */
export interface Cost {
  readonly requests?: number;
  readonly events?: number;
  readonly bytes?: number;
}

/** Units per second; 0: no limit. */
export type Rate = Readonly<Required<Cost>>;

export interface Rates {
  readonly key: Rate;
  readonly tenant: Rate;
}

/** Per process; far above an agent's usual rate. */
export const RATES_DEFAULT: Rates = {
  key: { requests: 2_000, events: 50_000, bytes: 67_108_864 },
  tenant: { requests: 4_000, events: 100_000, bytes: 134_217_728 },
};

/** Bucket size, in seconds of its rate. */
const BURST_SECONDS = 10;
/** Milliseconds between two sweeps. A bucket in use is never dropped, which would refill it: memory is bounded by the keys that were used within two sweeps. */
const SWEEP_MS = 1_000 * BURST_SECONDS;

export interface Payer {
  readonly tenant: string;
  /** Key id or person id. */
  readonly id: string;
  /** Pays from its own bucket only: a tenant's agents must not throttle the person who stops them. */
  readonly operator: boolean;
}

/** The exhausted bucket with the longest wait. */
export interface Debt {
  readonly retryAfterSeconds: number;
  readonly whose: 'key' | 'tenant';
  readonly kind: keyof Cost;
  readonly perSecond: number;
}

export interface RateLimits {
  /**
   * Charges the cost; charges nothing and returns the debt if one of the buckets is empty. A bucket may become negative once, because the cost of a request is
   * known only after reading it. A cost of 0 only checks.
   */
  charge(payer: Payer, cost: Cost): Debt | undefined;
}

interface Bucket {
  /** Units left; negative: debt. */
  level: number;
  at: number;
  readonly perSecond: number;
}

const KINDS = ['requests', 'events', 'bytes'] as const;

/** Token buckets for each key and tenant. @param clock milliseconds, monotonic. */
export function createRateLimits(rates: Rates, clock: () => number): RateLimits {
  const buckets = new Map<string, Bucket>();

  let sweptAt = clock();

  function refill(bucket: Bucket, now: number): void {
    const { perSecond } = bucket;
    bucket.level = Math.min(perSecond * BURST_SECONDS, bucket.level + ((now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
  }

  function bucketOf(name: string, perSecond: number, now: number): Bucket {
    const bucket = buckets.get(name) ?? { level: perSecond * BURST_SECONDS, at: now, perSecond };
    refill(bucket, now);
    buckets.set(name, bucket);
    return bucket;
  }

  /** Drops full buckets: each equals a new one. */
  function sweep(now: number): void {
    if (now - sweptAt < SWEEP_MS) return;
    sweptAt = now;
    for (const [name, bucket] of buckets) {
      refill(bucket, now);
      if (bucket.level >= bucket.perSecond * BURST_SECONDS) buckets.delete(name);
    }
  }

  return {
    charge({ tenant, id, operator }, cost) {
      const now = clock();
      sweep(now);
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
