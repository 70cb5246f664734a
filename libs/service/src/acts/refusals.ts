import type { Refused } from './port.ts';

/** Milliseconds until a refusal is recorded. */
export const REFUSALS_MS = 1_000;
/** Distinct refusals counted separately; further ones are counted by code alone, without caller and operation. */
const KINDS_MAX = 256;

export interface CountedRefusal extends Refused {
  readonly count: number;
  /** Milliseconds since 1970, UTC. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Aggregates identical refusals into one entry for each REFUSALS_MS. `record` never rejects. */
export function createRefusals(clock: () => number, record: (counted: CountedRefusal) => Promise<void>) {
  let counted = new Map<string, CountedRefusal>();
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const all = [...counted.values()];
    counted = new Map();
    flushing = flushing.then(async () => {
      for (const each of all) await record(each);
    });
    return flushing;
  }

  return {
    count(refused: Refused): void {
      const key = JSON.stringify([refused.tenant, refused.code, refused.operation, refused.by]);
      const crowded = counted.size >= KINDS_MAX && !counted.has(key);
      const recorded: Refused = crowded ? { code: refused.code, operation: '*' } : refused;
      const slot = crowded ? refused.code : key;
      const now = clock();
      const before = counted.get(slot);
      counted.set(slot, { ...recorded, count: (before?.count ?? 0) + 1, firstMs: before?.firstMs ?? now, lastMs: now });
      timer ??= setTimeout(() => void flush(), REFUSALS_MS).unref();
    },
    flush,
  };
}
