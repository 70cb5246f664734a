import type { Checkpoint } from '@recant/transparency';
import type { Keys } from './keys.ts';
import { BrokenRule } from './rules.ts';

/** A checkpoint saved outside the ledger. */
export interface SavedCheckpoint {
  /** File name or address of the saved copy, for messages. */
  readonly name: string;
  readonly note: Uint8Array;
  /** When the copy was saved: milliseconds since 1970, UTC, by the clock of its store. Absent: before the verified data was made. */
  readonly savedAtMs?: number;
}

interface Anchor extends Checkpoint {
  readonly name: string;
  readonly epoch: number;
  /** Saved after the bundle was made: it may cover entries that the bundle lacks. */
  readonly isNewer: boolean;
}

/** Milliseconds that the clocks of the ledger and of an anchor's store may differ. */
export const CLOCK_SKEW_MS = 60_000;

/** Anchors of one verification; all are in memory. */
export const ANCHORS_MAX = 100_000;

/** Compares logs with their saved checkpoints while the logs are read. */
export class Anchors {
  /** By log: `<ledger>/<tenant>/<shard>`, ascending by size. */
  readonly #byLog = new Map<string, Anchor[]>();
  readonly #unused = new Set<string>();
  readonly #newer = new Set<string>();
  #compared = 0;

  /** @param madeMs when the bundle was made; undefined for a live ledger. @throws BrokenRule where an anchor is not signed by the ledger's keys: the ledger uses another key, or the saved copy was changed. */
  constructor(saved: readonly SavedCheckpoint[], keys: Keys, ledger: string, madeMs?: number) {
    if (saved.length > ANCHORS_MAX)
      throw new RangeError(`expected at most ${ANCHORS_MAX} anchors, got ${saved.length}; pass only the newest checkpoint of each log`);
    for (const { name, note, savedAtMs } of saved) {
      this.#unused.add(name);
      const [log, epoch] = splitOrigin(firstLine(note));
      if (log === undefined || epoch === undefined || !log.startsWith(`${ledger}/`)) continue;
      const anchors = this.#byLog.get(log) ?? [];
      const isNewer = savedAtMs !== undefined && madeMs !== undefined && savedAtMs > madeMs - CLOCK_SKEW_MS;
      anchors.push({ ...openSaved(name, note, keys), name, epoch, isNewer });
      this.#byLog.set(log, anchors);
    }
    for (const anchors of this.#byLog.values()) anchors.sort((a, b) => (a.size < b.size ? -1 : a.size > b.size ? 1 : 0));
  }

  get compared(): number {
    return this.#compared;
  }
  /** Names of the anchors that were not compared, without the newer ones. */
  get unused(): readonly string[] {
    return [...this.#unused].filter((name) => !this.#newer.has(name));
  }
  /** Names of the anchors that were not compared because they were saved after the bundle was made. */
  get newer(): readonly string[] {
    return [...this.#newer];
  }

  /** Starts the comparison of one log. @param origin of any of its epochs. @param from anchors of fewer entries cannot be compared. */
  follow(origin: string, shard: number, from: bigint): AnchorWalk {
    const [log = '', epoch = 1] = splitOrigin(origin);
    const anchors = (this.#byLog.get(log) ?? []).filter((anchor) => anchor.size >= from && !(anchor.isNewer && anchor.epoch > epoch));
    this.#noteNewer(this.#byLog.get(log) ?? []);
    this.#byLog.delete(log);
    return new AnchorWalk(anchors, shard, ({ name }) => {
      this.#unused.delete(name);
      this.#newer.delete(name);
      this.#compared += 1;
    });
  }

  /** Marks newer anchors as not compared; a comparison removes the mark. */
  #noteNewer(anchors: readonly Anchor[]): void {
    for (const { name, isNewer } of anchors) if (isNewer) this.#newer.add(name);
  }

  /**
   * Requires that no anchor is left of a log that is missing.
   * @param within prefix of the logs that must be present, `<ledger>/<tenant>/`. @throws BrokenRule `anchor_ahead`
   */
  requireNone(within: string): void {
    for (const [log, anchors] of [...this.#byLog].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!log.startsWith(within)) continue;
      this.#noteNewer(anchors);
      const anchor = anchors.find(({ isNewer }) => !isNewer);
      if (anchor === undefined) continue;
      const shard = Number(log.slice(within.length));
      throw new BrokenRule('anchor_ahead', `${anchor.name} covers ${anchor.size} entries of the log ${log}, which is missing`, shard);
    }
  }
}

export class AnchorWalk {
  readonly #anchors: readonly Anchor[];
  readonly #shard: number;
  readonly #compared: (anchor: Anchor) => void;
  #at = 0;
  #differs: BrokenRule | undefined;

  constructor(anchors: readonly Anchor[], shard: number, compared: (anchor: Anchor) => void) {
    this.#anchors = anchors;
    this.#shard = shard;
    this.#compared = compared;
  }

  /** Size of the next anchor; `at` needs the root at this size only. */
  get next(): bigint | undefined {
    return this.#anchors[this.#at]?.size;
  }

  /** Compares the anchors of this size. A difference is thrown by `finish`, so that a rule broken inside the log is reported first. */
  at(size: bigint, epoch: number | undefined, root: Uint8Array): void {
    for (let anchor = this.#anchors[this.#at]; anchor?.size === size; anchor = this.#anchors[this.#at]) {
      this.#at += 1;
      // Entries that an epoch lost differ from those of the next epoch at the same indexes.
      if (epoch !== undefined && anchor.epoch < epoch) continue;
      this.#compared(anchor);
      if (Buffer.compare(anchor.root, root) === 0) continue;
      const detail = `expected the root ${hex(anchor.root)} of ${anchor.name} at ${size} entries, got ${hex(root)}`;
      this.#differs ??= new BrokenRule('anchor_differs', detail, this.#shard, size === 0n ? undefined : size - 1n);
    }
  }

  /** @param epoch of the log at its end. @throws BrokenRule `anchor_differs`, `anchor_ahead` */
  finish(size: bigint, epoch: number): void {
    if (this.#differs !== undefined) throw this.#differs;
    const ahead = this.#anchors.slice(this.#at).filter((anchor) => anchor.epoch >= epoch && !anchor.isNewer);
    const [anchor] = ahead;
    if (anchor === undefined) return;
    const detail = `${anchor.name} covers ${anchor.size} entries in epoch ${anchor.epoch}; the log has ${size} in epoch ${epoch}`;
    throw new BrokenRule('anchor_ahead', detail, this.#shard, size);
  }
}

function openSaved(name: string, note: Uint8Array, keys: Keys): Checkpoint {
  try {
    return keys.openCheckpoint(note);
  } catch (cause) {
    if (!(cause instanceof BrokenRule)) throw cause;
    throw new BrokenRule(cause.rule, `${name}: ${cause.message}`, undefined, undefined, cause);
  }
}

/** `<ledger>/<tenant>/<shard>/e<epoch>` */
function splitOrigin(origin: string): [string | undefined, number | undefined] {
  const [, log, epoch] = /^(.+)\/e([1-9][0-9]{0,9})$/s.exec(origin) ?? [];
  return [log, epoch === undefined ? undefined : Number(epoch)];
}

function firstLine(note: Uint8Array): string {
  const bytes = Buffer.from(note.buffer, note.byteOffset, note.length);
  const end = bytes.indexOf(0x0a);
  return bytes.toString('utf8', 0, end === -1 ? 0 : end);
}

function hex(root: Uint8Array): string {
  return Buffer.from(root).toString('hex');
}
