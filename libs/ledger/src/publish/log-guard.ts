import type { AnchorWatch } from './anchor-watch.ts';
import { type AnchoredHead, inspect } from './inspect.ts';
import type { PublishStore } from './log.ts';
import { AnchorError, type LogKey } from './ports.ts';
import { LedgerTampered } from './tampered.ts';

/** Milliseconds between two checks of a broken log. */
const RECHECK_MS = 1_000;

/** Tracks broken logs, each independently. */
export interface LogGuard {
  /**
   * Before appending: checks a log at its first use, and a broken one again.
   * An unreachable anchor does not delay appending; nothing is signed until it answered.
   * @throws LedgerTampered
   */
  admit(log: LogKey): Promise<void>;
  /** Marks a log as broken. @returns whether the rule is new for this log */
  found(error: LedgerTampered): boolean;
  /** Marks a log as sound after all comparisons. */
  sound(log: LogKey): void;
  broken(): readonly LedgerTampered[];
}

export interface LogGuardOptions {
  readonly store: PublishStore;
  readonly watch: AnchorWatch;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Called once for each new broken rule of a log. */
  readonly alarm: (error: LedgerTampered) => void;
}

export function createLogGuard({ store, watch, clock, alarm }: LogGuardOptions): LogGuard {
  const known = new Set<string>();
  const broken = new Map<string, { readonly error: LedgerTampered; atMs: number }>();
  const keyOf = ({ tenant, shard }: LogKey): string => `${shard} ${tenant}`;

  const guard: LogGuard = {
    async admit(log) {
      const key = keyOf(log);
      const before = broken.get(key);
      if (before === undefined && known.has(key)) return;
      if (before !== undefined && clock() - before.atMs < RECHECK_MS) throw before.error;
      try {
        await check(store, watch, log);
      } catch (error) {
        if (error instanceof LedgerTampered) guard.found(error);
        throw error;
      }
      guard.sound(log);
    },
    found(error) {
      const key = keyOf(error.log);
      const before = broken.get(key);
      broken.set(key, { error, atMs: clock() });
      const isNew = before?.error.rule !== error.rule;
      if (isNew) alarm(error);
      return isNew;
    },
    sound(log) {
      broken.delete(keyOf(log));
      known.add(keyOf(log));
    },
    broken: () => [...broken.values()].map(({ error }) => error),
  };
  return guard;
}

async function check(store: PublishStore, watch: AnchorWatch, log: LogKey): Promise<void> {
  const epoch = await store.reading(log, async (open) => (await open.facts())?.epoch ?? 1);
  const anchored = await watch.anchored(log, epoch).catch((error: unknown): readonly AnchoredHead[] => {
    if (error instanceof AnchorError) return [];
    throw error;
  });
  await store.reading(log, (open) => inspect(log, open, anchored));
}
