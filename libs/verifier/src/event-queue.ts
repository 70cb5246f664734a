import { FRAME_BYTES_MAX, shardOf } from '@recant/events';
import { FACT_BYTES, writePlace } from './facts/fact.ts';
import type { FactStore } from './facts/fact-store.ts';
import type { Inspection, Inspector } from './facts/inspect.ts';
import { SourceRuns } from './facts/sources.ts';
import { BrokenRule } from './rules.ts';

/** Events looked at together, and bytes: what one message to another thread is worth. */
const BATCH_EVENTS = 2_048;
const BATCH_BYTES = 1_048_576;
const BUFFER_BYTES = BATCH_BYTES + FRAME_BYTES_MAX;
/** Batches being looked at: bounds memory, and keeps two threads busy. */
const BATCHES_AHEAD_MAX = 3;

interface Home {
  readonly shard: number;
  readonly shards: number;
}

/**
 * The way of events to the inspector and of their facts into the store, in order.
 * Invariant: `drain` has thrown the first event that breaks a rule before anything later is reported.
 */
export class EventQueue {
  readonly #tenant: string;
  readonly #inspect: Inspector;
  readonly #facts: FactStore;
  readonly #runs = new SourceRuns();
  readonly #pending: (() => Promise<void>)[] = [];
  #bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #length = 0;
  #ends: number[] = [];
  #indexes: bigint[] = [];
  #home: Home = { shard: 0, shards: 1 };
  events = 0;

  constructor(tenant: string, inspect: Inspector, facts: FactStore) {
    this.#tenant = tenant;
    this.#inspect = inspect;
    this.#facts = facts;
  }

  /** Only after `drain`. */
  enter(home: Home): void {
    this.#home = home;
  }

  /** The body is copied. @returns whether `send` is due. */
  add(index: bigint, body: Uint8Array): boolean {
    this.#bytes.set(body, this.#length);
    this.#length += body.length;
    this.#ends.push(this.#length);
    this.#indexes.push(index);
    this.events += 1;
    return this.#ends.length >= BATCH_EVENTS || this.#length >= BATCH_BYTES;
  }

  async send(): Promise<void> {
    if (this.#ends.length === 0) return;
    const batch = { bytes: this.#bytes.subarray(0, this.#length), ends: Uint32Array.from(this.#ends) };
    const indexes = this.#indexes;
    const home = this.#home;
    const inspection = this.#inspect(batch);
    if (inspection instanceof Promise) {
      // Whoever takes it up later handles it. The bytes may belong to another thread by now.
      inspection.catch(() => {});
      this.#bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES);
    }
    this.#pending.push(async () => this.#take(await inspection, indexes, home));
    this.#length = 0;
    this.#ends = [];
    this.#indexes = [];
    while (this.#pending.length > BATCHES_AHEAD_MAX) await this.#pending.shift()?.();
  }

  /** @throws BrokenRule of the first event that breaks one. */
  async drain(): Promise<void> {
    await this.send();
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) await next();
  }

  async finish(): Promise<void> {
    await this.drain();
    for (const fact of this.#runs.finish()) await this.#facts.add(fact);
  }

  async #take({ facts: found, sources, sourceOf, sequences, invalid }: Inspection, indexes: readonly bigint[], home: Home): Promise<void> {
    const facts = Buffer.from(found.buffer, found.byteOffset, found.length);
    const events = facts.length / FACT_BYTES;
    for (let n = 0; n < events; n += 1) {
      const index = indexes[n] as bigint;
      const source = sources[sourceOf[n] as number] as string;
      writePlace(facts, n * FACT_BYTES, home.shard, index);
      const isNew = this.#runs.add(source, sequences[n] as number, home.shard, index);
      if (isNew && shardOf(this.#tenant, source, home.shards) !== home.shard) {
        throw new BrokenRule('shard_foreign', `${JSON.stringify(source)} has another home shard`, home.shard, index);
      }
    }
    if (invalid !== undefined) throw new BrokenRule('event_invalid', invalid, home.shard, indexes[events]);
    await this.#facts.add(facts);
    for (const fact of this.#runs.take()) await this.#facts.add(fact);
  }
}
