import type { AnchorWatch } from './anchor-watch.ts';
import { inspect } from './inspect.ts';
import type { PublishStore } from './log.ts';
import type { LogKey } from './ports.ts';
import { LedgerTampered, needsAnchor } from './tampered.ts';

/** Milliseconds between two checks of a broken log. */
const RECHECK_MS = 1_000;
/** Logs that are remembered as checked. */
const KNOWN_MAX = 100_000;

/** Tracks broken logs, each independently. */
export interface LogGuard {
  /**
   * Before appending: checks a log against its own database at its first use, and a broken one again. Asks no anchor: the publisher compares with anchors
   * (`compare`) and marks a log (`found`), so that an anchor delays no append.
   * @throws LedgerTampered
   */
  admit(log: LogKey): Promise<void>;
  /** Logs that were used for the first time, and broken ones whose check is old. */
  due(): readonly LogKey[];
  /** Checks a log, anchors included; outside the commit path. An anchor that does not answer leaves the log as it was marked. @throws AnchorError, LedgerTampered */
  compare(log: LogKey): Promise<void>;
  /** Number of logs that were called sound so far: a check that began before a log was called sound says nothing about it. */
  readonly sounds: number;
  /** Marks a log as broken. @param asOf `sounds` when the check began @returns whether the rule is new for this log */
  found(error: LedgerTampered, asOf?: number): boolean;
  /** Marks a log as sound after all comparisons. */
  sound(log: LogKey): void;
  /** Checks every log again at its next use: the database may be another copy. Broken logs stay broken until they are compared. */
  forget(): void;
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

/** When each log was last called sound. */
class SoundMarks {
  count = 0;
  readonly #at = new Map<string, number>();

  set(key: string): void {
    this.count += 1;
    if (this.#at.size >= KNOWN_MAX) this.#at.clear();
    this.#at.set(key, this.count);
  }

  isSoundSince(key: string, asOf: number): boolean {
    return (this.#at.get(key) ?? 0) > asOf;
  }
}

/** What the anchors have of the log in the copy of the database that answers. */
async function readAnchors({ store, watch }: Pick<LogGuardOptions, 'store' | 'watch'>, log: LogKey) {
  const { epoch, server } = await store.reading(log, async (open) => ({ epoch: (await open.facts())?.epoch ?? 1, server: open.server }));
  return watch.anchored(log, epoch, server);
}

export function createLogGuard({ store, watch, clock, alarm }: LogGuardOptions): LogGuard {
  /** Sound when first used. A check that began before `forget` counts for nothing. */
  let known = new Set<string>();
  /** Not compared with anchors yet. */
  const fresh = new Map<string, LogKey>();
  const broken = new Map<string, { readonly error: LedgerTampered; atMs: number }>();
  const marks = new SoundMarks();
  const keyOf = ({ tenant, shard }: LogKey): string => `${shard} ${tenant}`;
  const noting = async (check: Promise<unknown>, asOf?: number): Promise<void> => {
    try {
      await check;
    } catch (error) {
      if (error instanceof LedgerTampered) guard.found(error, asOf);
      throw error;
    }
  };

  const guard: LogGuard = {
    async admit(log) {
      const key = keyOf(log);
      const before = broken.get(key);
      if (before === undefined && known.has(key)) return;
      if (before !== undefined && (needsAnchor(before.error.rule) || clock() - before.atMs < RECHECK_MS)) throw before.error;
      const knownNow = known;
      await noting(store.reading(log, (open) => inspect(log, open, [])));
      // Marked by the publisher meanwhile: its finding counts.
      const after = broken.get(key);
      if (after !== undefined && after !== before) throw after.error;
      broken.delete(key);
      if (knownNow.size >= KNOWN_MAX) knownNow.clear();
      knownNow.add(key);
      if (fresh.size < KNOWN_MAX) fresh.set(key, log);
    },
    due() {
      const old = [...broken.values()].filter(({ atMs }) => clock() - atMs >= RECHECK_MS);
      return [...fresh.values(), ...old.map(({ error }) => error.log).filter((log) => !fresh.has(keyOf(log)))];
    },
    async compare(log) {
      const asOf = marks.count;
      const anchored = await readAnchors({ store, watch }, log);
      fresh.delete(keyOf(log));
      const check = store.reading(log, (open) => inspect(log, open, anchored));
      await noting(check, asOf);
      guard.sound(log);
    },
    get sounds() {
      return marks.count;
    },
    found(error, asOf = marks.count) {
      const key = keyOf(error.log);
      if (marks.isSoundSince(key, asOf)) return false;
      const before = broken.get(key);
      broken.set(key, { error, atMs: clock() });
      const isNew = before?.error.rule !== error.rule;
      if (isNew) alarm(error);
      return isNew;
    },
    sound(log) {
      broken.delete(keyOf(log));
      marks.set(keyOf(log));
    },
    forget() {
      known = new Set();
    },
    broken: () => [...broken.values()].map(({ error }) => error),
  };
  return guard;
}
