import { FRAME_BYTES_MAX } from '@recant/events';
import type { BatchResult, EventCheck, Findings } from './facts/event-check.ts';
import type { BrokenEvent } from './facts/find.ts';
import { BrokenRule } from './rules.ts';

/** Events and bytes per batch: large enough to be worth a message to another thread. */
const BATCH_EVENTS = 2_048;
const BATCH_BYTES = 1_048_576;
const BUFFER_BYTES = BATCH_BYTES + FRAME_BYTES_MAX;
/** Batches in flight to another thread: bounds memory and keeps both threads busy. */
const BATCHES_AHEAD_MAX = 3;

interface Home {
  readonly shard: number;
  readonly shards: number;
}

/**
 * Sends events to their check in batches, in order.
 * Invariant: `drain` has thrown the first event that breaks a rule before anything later is reported.
 */
export class EventQueue {
  readonly #tenant: string;
  readonly #check: EventCheck;
  readonly #pending: Promise<BatchResult>[] = [];
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  readonly #ends = new Uint32Array(BATCH_EVENTS);
  readonly #indexes = new Float64Array(BATCH_EVENTS);
  #bytes = new Uint8Array(BUFFER_BYTES);
  #length = 0;
  #count = 0;
  #home: Home = { shard: 0, shards: 1 };
  events = 0;

  constructor(tenant: string, check: EventCheck) {
    this.#tenant = tenant;
    this.#check = check;
  }

  /** Sets the log of the following events. Call after `drain`. */
  enter(home: Home): void {
    this.#home = home;
  }

  /** Copies the body. @returns whether the batch is full and `send` is due. */
  add(index: bigint, body: Uint8Array): boolean {
    this.#bytes.set(body, this.#length);
    this.#length += body.length;
    this.#ends[this.#count] = this.#length;
    // Exact: a log has under 2^53 entries.
    this.#indexes[this.#count] = Number(index);
    this.#count += 1;
    this.events += 1;
    return this.#count === BATCH_EVENTS || this.#length >= BATCH_BYTES;
  }

  async send(): Promise<void> {
    if (this.#count === 0) return;
    const result = this.#check.checkBatch({
      tenant: this.#tenant,
      ...this.#home,
      bytes: this.#bytes.subarray(0, this.#length),
      ends: this.#ends.slice(0, this.#count),
      indexes: this.#indexes.slice(0, this.#count),
    });
    this.#length = 0;
    this.#count = 0;
    // #take handles a rejection. The bytes may already belong to another thread.
    result.catch(() => {});
    this.#pending.push(result);
    while (this.#pending.length > BATCHES_AHEAD_MAX) await this.#take();
    this.#bytes = this.#free.pop() ?? new Uint8Array(BUFFER_BYTES);
  }

  /** @throws BrokenRule of the first event that breaks one. */
  async drain(): Promise<void> {
    await this.send();
    while (this.#pending.length > 0) await this.#take();
  }

  /** Findings across all events. @throws BrokenRule of an event */
  async finish(partial: ReadonlySet<number>): Promise<Findings> {
    await this.drain();
    return await this.#check.finish(partial);
  }

  async #take(): Promise<void> {
    const result = await this.#pending.shift();
    if (result === undefined) return;
    if (result.broken !== undefined) throw brokenBy(result.broken);
    this.#free.push(new Uint8Array(result.bytes.buffer));
  }
}

export function brokenBy({ rule, detail, shard, index }: BrokenEvent): BrokenRule {
  return new BrokenRule(rule, detail, shard, index);
}
