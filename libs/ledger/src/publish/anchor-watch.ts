import { parseCheckpoint, parseNote } from '@recant/transparency';
import type { AnchoredHead } from './inspect.ts';
import { originOf } from './origin.ts';
import { type Anchor, AnchorError, type LogKey } from './ports.ts';

/** Milliseconds that an answer of an anchor is believed: another replica may have anchored more meanwhile. */
const ANCHOR_REFRESH_MS = 60_000;
/** Logs remembered. */
const MEMORY_MAX = 100_000;

/** What anchors keep of a log, asked at first and then now and again. What was seen is not replaced by less. */
export interface AnchorWatch {
  /** Of the log's epoch and of the next one. @throws AnchorError `anchor_unavailable` */
  anchored(log: LogKey, epoch: number): Promise<readonly AnchoredHead[]>;
  /** After a `put`. */
  saw(anchor: Anchor, note: Uint8Array): void;
}

interface Seen {
  readonly head: Omit<AnchoredHead, 'epoch'> | undefined;
  readonly atMs: number;
}

/** @param clock milliseconds since 1970, UTC */
export function createAnchorWatch(ledger: string, anchors: readonly Anchor[], clock: () => number): AnchorWatch {
  const memory = new Map<string, Seen>();
  const keyOf = (anchor: Anchor, origin: string): string => `${anchors.indexOf(anchor)} ${origin}`;

  function remember(key: string, anchor: Anchor, note: Uint8Array | undefined, origin: string): Seen {
    const before = memory.get(key);
    const read = note === undefined ? undefined : headIn(anchor, note, origin);
    const head = read === undefined || (before?.head !== undefined && before.head.size > read.size) ? before?.head : read;
    const seen = { head, atMs: clock() };
    if (memory.size >= MEMORY_MAX) memory.clear();
    memory.set(key, seen);
    return seen;
  }

  async function look(anchor: Anchor, origin: string): Promise<Seen> {
    const key = keyOf(anchor, origin);
    const before = memory.get(key);
    if (before !== undefined && clock() - before.atMs < ANCHOR_REFRESH_MS) return before;
    return remember(key, anchor, await anchor.latest(origin), origin);
  }

  return {
    async anchored(log, epoch) {
      const found: AnchoredHead[] = [];
      for (const each of [epoch, epoch + 1])
        for (const anchor of anchors) {
          const { head } = await look(anchor, originOf(ledger, log, each));
          if (head !== undefined) found.push({ ...head, epoch: each });
        }
      return found;
    },
    saw(anchor, note) {
      const { origin } = parseCheckpoint(parseNote(note).text);
      remember(keyOf(anchor, origin), anchor, note, origin);
    },
  };
}

/** Not asked who signed: keys are retired, and what an anchor keeps can only stop a log, never make one pass. */
function headIn(anchor: Anchor, note: Uint8Array, origin: string): Omit<AnchoredHead, 'epoch'> {
  try {
    const { size, root, origin: said } = parseCheckpoint(parseNote(note).text);
    if (said !== origin) throw new TypeError(`it is of ${said}`);
    return { size, root, anchor: anchor.name };
  } catch (cause) {
    const why = `${anchor.name} keeps something for ${origin} that is no checkpoint of it (${(cause as Error).message}): put back what was there.`;
    throw new AnchorError('anchor_unavailable', why, { cause });
  }
}
