import type { Checkpoint } from '@recant/transparency';
import type { Keys } from './keys.ts';
import { BrokenRule } from './rules.ts';

/** A checkpoint that somebody kept outside the ledger. */
export interface KeptCheckpoint {
  /** Where it was kept: a file's name. Shown to people. */
  readonly name: string;
  readonly note: Uint8Array;
  /** Milliseconds since 1970, UTC: since when it lies there, by the clock of that place. Left out: since before anything that is verified. */
  readonly keptAtMs?: number;
}

interface Anchor extends Checkpoint {
  readonly name: string;
  readonly epoch: number;
  /** Kept after what is verified was made: of a log that went on it may have more. */
  readonly isNewer: boolean;
}

/** Milliseconds that the clocks of the ledger and of a place may be apart. */
export const KEPT_SKEW_MS = 60_000;

/** Anchors of one verification: as many as are given fit into memory. */
export const ANCHORS_MAX = 100_000;

/** Compares a log with what was kept of it, while the log goes by. */
export class Anchors {
  /** By log: `<ledger>/<tenant>/<shard>`, ascending by size. */
  readonly #byLog = new Map<string, Anchor[]>();
  readonly #unused = new Set<string>();
  readonly #newer = new Set<string>();
  #compared = 0;

  /** @param madeMs when a bundle was made; undefined for what is read now. @throws BrokenRule where one is not signed by the ledger's keys: the ledger speaks with another key now, or the file was changed. */
  constructor(kept: readonly KeptCheckpoint[], keys: Keys, ledger: string, madeMs?: number) {
    if (kept.length > ANCHORS_MAX) throw new RangeError(`${kept.length} anchors are more than ${ANCHORS_MAX}: give the newest of each log`);
    for (const { name, note, keptAtMs } of kept) {
      this.#unused.add(name);
      const [log, epoch] = splitOrigin(firstLine(note));
      if (log === undefined || epoch === undefined || !log.startsWith(`${ledger}/`)) continue;
      const anchors = this.#byLog.get(log) ?? [];
      const isNewer = keptAtMs !== undefined && madeMs !== undefined && keptAtMs > madeMs - KEPT_SKEW_MS;
      anchors.push({ ...openKept(name, note, keys), name, epoch, isNewer });
      this.#byLog.set(log, anchors);
    }
    for (const anchors of this.#byLog.values()) anchors.sort((a, b) => (a.size < b.size ? -1 : a.size > b.size ? 1 : 0));
  }

  get compared(): number {
    return this.#compared;
  }
  /** Names of those that nothing was compared with, the newer ones aside. */
  get unused(): readonly string[] {
    return [...this.#unused].filter((name) => !this.#newer.has(name));
  }
  /** Names of those that say nothing of it, because they were kept after it was made. */
  get newer(): readonly string[] {
    return [...this.#newer];
  }

  /** Follows one log. @param origin of any epoch. @param from anchors of less cannot be compared. */
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

  /** Until they are compared after all: what is not of more entries is as good as any. */
  #noteNewer(anchors: readonly Anchor[]): void {
    for (const { name, isNewer } of anchors) if (isNewer) this.#newer.add(name);
  }

  /**
   * What is left are logs that are not here.
   * @param within prefix of the logs that should be here, `<ledger>/<tenant>/`. @throws BrokenRule `anchor_ahead`
   */
  requireNone(within: string): void {
    for (const [log, anchors] of [...this.#byLog].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!log.startsWith(within)) continue;
      this.#noteNewer(anchors);
      const anchor = anchors.find(({ isNewer }) => !isNewer);
      if (anchor === undefined) continue;
      const shard = Number(log.slice(within.length));
      throw new BrokenRule(
        'anchor_ahead',
        `${anchor.name} is of ${anchor.size} entries of the log ${log}, which is not here at all`,
        shard,
      );
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

  /** Size of the next anchor: ask for the root only there. */
  get next(): bigint | undefined {
    return this.#anchors[this.#at]?.size;
  }

  /** Says where the tree has this size. What differs is kept until the end: a broken log is named for what broke it. */
  at(size: bigint, epoch: number | undefined, root: Uint8Array): void {
    for (let anchor = this.#anchors[this.#at]; anchor?.size === size; anchor = this.#anchors[this.#at]) {
      this.#at += 1;
      // What an epoch lost is not compared with what the next one put in its place.
      if (epoch !== undefined && anchor.epoch < epoch) continue;
      this.#compared(anchor);
      if (Buffer.compare(anchor.root, root) === 0) continue;
      const detail = `${anchor.name} has the root ${hex(anchor.root)} at ${size} entries, the log ${hex(root)}`;
      this.#differs ??= new BrokenRule('anchor_differs', detail, this.#shard, size === 0n ? undefined : size - 1n);
    }
  }

  /** @param epoch of the log at its end. @throws BrokenRule `anchor_differs`, `anchor_ahead` */
  finish(size: bigint, epoch: number): void {
    if (this.#differs !== undefined) throw this.#differs;
    const ahead = this.#anchors.slice(this.#at).filter((anchor) => anchor.epoch >= epoch && !anchor.isNewer);
    const [anchor] = ahead;
    if (anchor === undefined) return;
    const detail = `${anchor.name} is of ${anchor.size} entries in epoch ${anchor.epoch}, the log has ${size} in epoch ${epoch}`;
    throw new BrokenRule('anchor_ahead', detail, this.#shard, size);
  }
}

function openKept(name: string, note: Uint8Array, keys: Keys): Checkpoint {
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
