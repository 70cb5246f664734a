import type { Frame } from '@recant/ledger';
import { originOf } from '@recant/ledger';
import { Anchors, type AnchorWalk, type SavedCheckpoint } from './anchors.ts';
import { brokenBy, EventQueue } from './event-queue.ts';
import type { EventCheck } from './facts/event-check.ts';
import type { Keys } from './keys.ts';
import { LogCheck } from './log-check.ts';
import { BrokenRule, type Rule } from './rules.ts';
import { type Sound, Warnings } from './verdict.ts';
import type { Report } from './violation.ts';

export interface VerifyOptions {
  /** Trusted verifier keys. Without them the keys that come with the verified data are used, which proves only that the data is consistent. */
  readonly keys?: readonly string[];
  readonly anchors?: readonly SavedCheckpoint[];
  /** Used by this verification alone. */
  readonly events: EventCheck;
  /** Called from time to time with the number of entries so far. */
  readonly progress?: (entries: number) => void;
}

export interface WalkedLog {
  readonly shard: number;
  readonly shards: number;
  readonly epoch: number;
  readonly from: bigint;
  readonly size: bigint;
  readonly start: Uint8Array;
}

/** A log's head as stored in the database. */
export interface LogHead {
  readonly root: Uint8Array;
  readonly frontier: Uint8Array;
  readonly receivedAtLastMs: number;
}

const PROGRESS_ENTRIES = 16_384;

/**
 * Verifies the logs of one tenant, one after the other, and throws the first broken rule. The caller reads the bytes: file, database or network.
 * Memory does not grow with the logs.
 */
export class LedgerWalk {
  readonly #ledger: string;
  readonly #tenant: string;
  readonly #keys: Keys;
  readonly #options: VerifyOptions;
  readonly #events: EventQueue;
  readonly #anchors: Anchors;
  readonly #madeMs: number | undefined;
  readonly #warnings = new Warnings();
  readonly #partial = new Set<number>();
  readonly #counts = { logs: 0, entries: 0, deadLetters: 0, checkpoints: 0 };
  #log: LogCheck | undefined;
  #walked: WalkedLog = { shard: 0, shards: 1, epoch: 1, from: 0n, size: 0n, start: Buffer.alloc(0) };
  #anchorWalk: AnchorWalk | undefined;
  /** Size of the newest checkpoint of the open log. */
  #signed: bigint | undefined;

  /** @param madeMs when the bundle was made: no entry is newer, and anchors saved later may cover more entries. */
  constructor(ledger: string, tenant: string, keys: Keys, options: VerifyOptions, madeMs?: number) {
    this.#ledger = ledger;
    this.#tenant = tenant;
    this.#keys = keys;
    this.#options = options;
    this.#events = new EventQueue(tenant, options.events);
    this.#madeMs = madeMs;
    this.#anchors = new Anchors(options.anchors ?? [], keys, ledger, madeMs);
  }

  /** Epoch of the open log. */
  get epoch(): number {
    return this.#log?.epoch ?? 1;
  }

  get counts(): { readonly logs: number; readonly entries: number; readonly deadLetters: number; readonly checkpoints: number } {
    return this.#counts;
  }

  /** @throws RangeError where `start` is not the frontier of `from` leaves. */
  async open(log: WalkedLog): Promise<void> {
    const { shard, shards, from } = log;
    await this.#events.drain();
    this.#log = new LogCheck(this.#tenant, log, throwing);
    this.#walked = log;
    this.#signed = undefined;
    this.#counts.logs += 1;
    this.#events.enter({ shard, shards });
    if (from > 0n) this.#partial.add(shard);
    this.#anchorWalk = this.#anchors.follow(originOf(this.#ledger, { tenant: this.#tenant, shard }, log.epoch), shard, from);
    this.#compareAnchors(this.#log);
  }

  /** Verifies the next entry of the open log. @returns its frame; call `settle` next where `due` is true. */
  entry(index: bigint, bytes: Uint8Array, leaf?: Uint8Array): Frame {
    const log = this.#log as LogCheck;
    const { shard, size } = this.#walked;
    if (log.size >= size && index === log.size)
      throw new BrokenRule('size_mismatch', `expected ${size} entries in this log, got entry ${index}`, shard, index);
    const epoch = log.epoch;
    const frame = log.entry(index, bytes, leaf) as Frame;
    if (this.#madeMs !== undefined && frame.receivedAtMs > this.#madeMs)
      throw new BrokenRule('made_too_early', `expected an entry of at most ${this.#madeMs} ms, got ${frame.receivedAtMs} ms`, shard, index);
    if (frame.kind === 'event') this.#isDue = this.#events.add(index, frame.body);
    else if (frame.kind === 'dead_letter') this.#counts.deadLetters += 1;
    else if (frame.kind === 'epoch') {
      this.#warnings.add({ rule: 'epoch_opened', shard, index, detail: `epoch ${log.epoch} begins after epoch ${epoch ?? 'unknown'}` });
    }
    this.#counts.entries += 1;
    if (this.#anchorWalk?.next === log.size) this.#compareAnchors(log);
    return frame;
  }

  #isDue = false;
  /** Whether `settle` must be called before the next entry. */
  get due(): boolean {
    return this.#isDue;
  }

  async settle(): Promise<void> {
    this.#isDue = false;
    await this.#events.send();
    if (this.#counts.entries % PROGRESS_ENTRIES < 512) this.#options.progress?.(this.#counts.entries);
  }

  /** Verifies a checkpoint at the current size of the open log. */
  checkpoint(note: Uint8Array): void {
    const log = this.#log as LogCheck;
    const { shard, size: final } = this.#walked;
    const place = log.size === 0n ? undefined : log.size - 1n;
    const { origin, size, root, extensions } = this.#keys.openCheckpoint(note, shard, place);
    const epoch = log.epoch ?? epochOf(origin);
    if (origin !== originOf(this.#ledger, { tenant: this.#tenant, shard }, epoch) || extensions.length > 0) {
      throw new BrokenRule(
        'origin_mismatch',
        `expected a checkpoint of this log in epoch ${epoch}, got one of ${JSON.stringify(origin)}`,
        shard,
        place,
      );
    }
    log.adoptEpoch(epoch);
    if (size !== log.size)
      throw new BrokenRule('size_mismatch', `expected a checkpoint of ${log.size} entries, got one of ${size}`, shard, place);
    if (this.#signed === size) throw new BrokenRule('format', `duplicate checkpoint of ${size} entries`, shard, place);
    this.#signed = size;
    this.#counts.checkpoints += 1;
    if (Buffer.compare(log.root(), root) === 0) return;
    const detail = `expected the root ${Buffer.from(root).toString('hex')} of the checkpoint at ${size} entries, got ${log.root().toString('hex')}`;
    throw new BrokenRule(size === final ? 'root_mismatch' : 'checkpoint_inconsistent', detail, shard, place);
  }

  /** Ends the open log. @param head the stored head of a log in the database, whose newest entries need not be signed yet. */
  async close(head?: LogHead): Promise<void> {
    const log = this.#log as LogCheck;
    const { shard, size, epoch } = this.#walked;
    await this.#events.drain();
    const last = log.size === 0n ? undefined : log.size - 1n;
    if (log.size !== size) throw new BrokenRule('size_mismatch', `expected ${size} entries, got ${log.size}`, shard, last);
    if (head !== undefined) requireHead(log, head, shard);
    else if (size > 0n && this.#signed !== size)
      throw new BrokenRule('size_mismatch', `the checkpoint of ${size} entries is missing`, shard, last);
    if ((log.epoch ?? epoch) !== epoch)
      throw new BrokenRule('epoch_invalid', `expected the log to end in epoch ${epoch}, got ${log.epoch}`, shard, last);
    const anchors = this.#anchorWalk as AnchorWalk;
    this.#finished.push(() => anchors.finish(size, epoch));
    this.#log = undefined;
  }

  readonly #finished: (() => void)[] = [];

  /** Checks that need all logs. @param whole whether every log of the tenant was read. */
  async finish(whole: boolean, keysGiven: boolean): Promise<Sound> {
    const { duplicate, warnings, warningCounts } = await this.#events.finish(this.#partial);
    if (duplicate !== undefined) throw brokenBy(duplicate);
    this.#warnings.join(warnings, warningCounts);
    for (const finish of this.#finished) finish();
    if (whole) this.#anchors.requireNone(`${this.#ledger}/${encodeURIComponent(this.#tenant)}/`);
    return {
      sound: true,
      counts: { ...this.#counts, events: this.#events.events, anchors: this.#anchors.compared },
      warnings: this.#warnings.list(),
      warningCounts: this.#warnings.counts,
      keys: this.#keys.list(),
      keysGiven,
      anchorsUnused: this.#anchors.unused,
      anchorsNewer: this.#anchors.newer,
    };
  }

  /** The first broken rule by place, given one that was found: queued events before it may break a rule too. */
  async earliest(found: BrokenRule): Promise<BrokenRule> {
    try {
      await this.#events.drain();
      return found;
    } catch (earlier) {
      if (earlier instanceof BrokenRule) return earlier;
      throw earlier;
    }
  }

  #compareAnchors(log: LogCheck): void {
    if (this.#anchorWalk?.next === log.size) this.#anchorWalk.at(log.size, log.epoch, log.root());
  }
}

const throwing: Report = ({ code, shard, index, detail }) => {
  throw new BrokenRule(code, detail, shard, index);
};

function epochOf(origin: string): number {
  return Number(/\/e([1-9][0-9]{0,8})$/.exec(origin)?.[1] ?? 0);
}

function requireHead(log: LogCheck, { root, frontier, receivedAtLastMs }: LogHead, shard: number): void {
  const differs = (rule: Rule, what: string, stored: string, found: string) => {
    if (stored !== found) throw new BrokenRule(rule, `expected ${found} as ${what} of the head, got ${stored}`, shard);
  };
  differs('root_mismatch', 'the root', Buffer.from(root).toString('hex'), log.root().toString('hex'));
  differs('projection_differs', 'the frontier', Buffer.from(frontier).toString('hex'), log.frontier().toString('hex'));
  differs('projection_differs', 'the newest receivedAt', String(receivedAtLastMs), String(log.receivedAtMs));
}
