import type { AnchorWatch } from './anchor-watch.ts';
import { type AnchoredHead, inspect } from './inspect.ts';
import type { PublishStore } from './log.ts';
import { AnchorError, type LogKey } from './ports.ts';
import { LedgerTampered } from './tampered.ts';

/** Milliseconds between two looks at a log that was found broken. */
const LOOK_AGAIN_MS = 1_000;

/** Knows which logs were found to be broken. One log's state says nothing about another's. */
export interface LogGuard {
  /**
   * Before appending: looks at a log when it is first met, and again at one that was broken.
   * An anchor that does not answer holds up no append; nothing is signed until it was asked.
   * @throws LedgerTampered
   */
  admit(log: LogKey): Promise<void>;
  /** Says that a log is broken. @returns whether that is news */
  found(error: LedgerTampered): boolean;
  /** Says that a log was compared with everything there is, and is sound. */
  sound(log: LogKey): void;
  broken(): readonly LedgerTampered[];
}

export interface LogGuardOptions {
  readonly store: PublishStore;
  readonly watch: AnchorWatch;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  /** Told once each time a log is found broken. */
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
      if (before !== undefined && clock() - before.atMs < LOOK_AGAIN_MS) throw before.error;
      try {
        await look(store, watch, log);
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
      const news = before?.error.rule !== error.rule;
      if (news) alarm(error);
      return news;
    },
    sound(log) {
      broken.delete(keyOf(log));
      known.add(keyOf(log));
    },
    broken: () => [...broken.values()].map(({ error }) => error),
  };
  return guard;
}

async function look(store: PublishStore, watch: AnchorWatch, log: LogKey): Promise<void> {
  const epoch = await store.reading(log, async (open) => (await open.facts())?.epoch ?? 1);
  const anchored = await watch.anchored(log, epoch).catch((error: unknown): readonly AnchoredHead[] => {
    if (error instanceof AnchorError) return [];
    throw error;
  });
  await store.reading(log, (open) => inspect(log, open, anchored));
}
