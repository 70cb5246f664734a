import type { Refused } from './port.ts';

/** Milliseconds in which identical refusals become one act: the first act is recorded soon, the following ones count ever longer windows. */
const WINDOWS_MS = [1_000, 10_000, 60_000, 600_000] as const;
/** Callers and codes counted separately; further ones are counted by code alone, without the caller. */
const KINDS_MAX = 4_096;

export interface CountedRefusal extends Refused {
  /** Count by operation, if there was more than one; `operation` is then `*`. */
  readonly operations?: Readonly<Record<string, number>>;
  /** RFC 3339. */
  readonly repeated: { readonly count: number; readonly first: string; readonly last: string };
}

interface Kind {
  readonly refused: Refused;
  /** Position in WINDOWS_MS. */
  window: number;
  operations: Map<string, number>;
  firstMs: number;
  lastMs: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Counts the refusals of each caller (tenant, actor, code) and records them as one act per window. A kind without a refusal in its window is forgotten, so
 * that memory is bounded by the kinds of the last ten minutes and by KINDS_MAX. A crash loses the counts of the current windows. `record` never rejects.
 */
export function createRefusals(clock: () => number, record: (counted: CountedRefusal) => Promise<void>) {
  const kinds = new Map<string, Kind>();
  let recording: Promise<void> = Promise.resolve();

  function recordNow(slot: string, kind: Kind): void {
    clearTimeout(kind.timer);
    kind.timer = undefined;
    if (kind.operations.size === 0) return void kinds.delete(slot);
    const counted = countedOf(kind);
    kind.operations = new Map();
    kind.window = Math.min(kind.window + 1, WINDOWS_MS.length - 1);
    recording = recording.then(() => record(counted));
    wait(slot, kind);
  }

  function wait(slot: string, kind: Kind): void {
    kind.timer = setTimeout(() => recordNow(slot, kind), WINDOWS_MS[kind.window]).unref();
  }

  return {
    count(refused: Refused): void {
      const key = JSON.stringify([refused.tenant, refused.code, refused.actor?.id]);
      const crowded = kinds.size >= KINDS_MAX && !kinds.has(key);
      const slot = crowded ? refused.code : key;
      const now = clock();
      let kind = kinds.get(slot);
      if (kind === undefined) {
        kind = {
          refused: crowded ? { code: refused.code, operation: '*' } : refused,
          window: 0,
          operations: new Map(),
          firstMs: now,
          lastMs: now,
          timer: undefined,
        };
        kinds.set(slot, kind);
        wait(slot, kind);
      }
      if (kind.operations.size === 0) kind.firstMs = now;
      kind.lastMs = now;
      kind.operations.set(refused.operation, (kind.operations.get(refused.operation) ?? 0) + 1);
    },
    /** Records what is counted so far. */
    async flush(): Promise<void> {
      for (const [slot, kind] of [...kinds]) {
        recordNow(slot, kind);
        clearTimeout(kind.timer);
      }
      kinds.clear();
      await recording;
    },
  };
}

function countedOf({ refused, operations, firstMs, lastMs }: Kind): CountedRefusal {
  const count = [...operations.values()].reduce((sum, each) => sum + each, 0);
  const repeated = { count, first: new Date(firstMs).toISOString(), last: new Date(lastMs).toISOString() };
  const [first] = operations.keys();
  if (operations.size === 1) return { ...refused, operation: first ?? refused.operation, repeated };
  return { ...refused, operation: '*', operations: Object.fromEntries(operations), repeated };
}
