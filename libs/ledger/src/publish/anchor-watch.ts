import { parseCheckpoint, parseNote } from '@recant/transparency';
import type { AnchoredHead } from './inspect.ts';
import { originOf } from './origin.ts';
import { type Anchor, AnchorError, type LogKey } from './ports.ts';

/** Milliseconds for which an anchor's answer is cached; another replica may anchor more meanwhile. */
const ANCHOR_REFRESH_MS = 60_000;
/** Entries in the cache. */
const MEMORY_MAX = 100_000;

/** Cached checkpoints of anchors. A checkpoint is never replaced by a smaller one. */
export interface AnchorWatch {
  /**
   * Of the log's epoch and of the next one.
   * @param server copy of the database that is compared: an answer from before a restore or failover is asked for again. Without it, nothing cached is used.
   * @throws AnchorError `anchor_unavailable`
   */
  anchored(log: LogKey, epoch: number, server?: string): Promise<readonly AnchoredHead[]>;
  /** Updates the cache after a `put`, if the anchor was read before. */
  saw(anchor: Anchor, note: Uint8Array): void;
}

interface Seen {
  readonly head: Omit<AnchoredHead, 'epoch'> | undefined;
  readonly atMs: number;
  readonly server: string | undefined;
}

/** @param clock milliseconds since 1970, UTC */
export function createAnchorWatch(ledger: string, anchors: readonly Anchor[], clock: () => number): AnchorWatch {
  const memory = new Map<string, Seen>();
  const keyOf = (anchor: Anchor, origin: string): string => `${anchors.indexOf(anchor)} ${origin}`;

  function remember(key: string, anchor: Anchor, note: Uint8Array | undefined, origin: string, asked: Omit<Seen, 'head'>): Seen {
    const before = memory.get(key);
    const read = note === undefined ? undefined : headIn(anchor, note, origin);
    const head = read === undefined || (before?.head !== undefined && before.head.size > read.size) ? before?.head : read;
    const seen = { ...asked, head };
    if (memory.size >= MEMORY_MAX) memory.clear();
    memory.set(key, seen);
    return seen;
  }

  async function refresh(anchor: Anchor, origin: string, server: string | undefined): Promise<Seen> {
    const key = keyOf(anchor, origin);
    const before = memory.get(key);
    const isOfServer = server !== undefined && before?.server === server;
    if (before !== undefined && isOfServer && clock() - before.atMs < ANCHOR_REFRESH_MS) return before;
    return remember(key, anchor, await anchor.latest(origin), origin, { atMs: clock(), server });
  }

  return {
    async anchored(log, epoch, server) {
      const found: AnchoredHead[] = [];
      for (const each of [epoch, epoch + 1])
        for (const anchor of anchors) {
          const { head } = await refresh(anchor, originOf(ledger, log, each), server);
          if (head !== undefined) found.push({ ...head, epoch: each });
        }
      return found;
    },
    saw(anchor, note) {
      const { origin } = parseCheckpoint(parseNote(note).text);
      const key = keyOf(anchor, origin);
      const before = memory.get(key);
      // What was put says nothing of what else the anchor has: it replaces no reading, and delays none.
      if (before !== undefined) remember(key, anchor, note, origin, before);
    },
  };
}

/** Signatures are not checked: keys are retired, and an anchor's checkpoint can only stop a log, never approve one. */
function headIn(anchor: Anchor, note: Uint8Array, origin: string): Omit<AnchoredHead, 'epoch'> {
  try {
    const { size, root, origin: said } = parseCheckpoint(parseNote(note).text);
    if (said !== origin) throw new TypeError(`expected origin ${origin}, got ${said}`);
    return { size, root, anchor: anchor.name };
  } catch (cause) {
    const why = `The anchor ${anchor.name} has no valid checkpoint under ${origin} (${(cause as Error).message}): restore the original.`;
    throw new AnchorError('anchor_unavailable', why, { cause });
  }
}
