import { FACT_BYTES, writePlace, writeRange } from './fact.ts';

/** Sources tracked at once; beyond it all open ranges are written out. */
const SOURCES_MAX = 4_096;

interface Range {
  first: number;
  last: number;
  readonly shard: number;
  readonly index: number;
}

/** Collects the sequence numbers of each source as gap-free ranges: one fact per range instead of one per event. */
export class SequenceRanges {
  #ranges = new Map<string, Range>();
  #done: Buffer[] = [];

  /** @returns whether the source is new here, so that its home shard must be checked. */
  add(source: string, sequence: number, shard: number, index: number): boolean {
    const range = this.#ranges.get(source);
    if (range !== undefined && range.shard === shard) {
      if (sequence === range.last + 1) range.last = sequence;
      else if (sequence < range.first || sequence > range.last) {
        this.#end(source, range);
        this.#ranges.set(source, { first: sequence, last: sequence, shard, index });
      }
      return false;
    }
    if (range !== undefined) this.#end(source, range);
    else if (this.#ranges.size >= SOURCES_MAX) this.#endAll();
    this.#ranges.set(source, { first: sequence, last: sequence, shard, index });
    return true;
  }

  /** Facts of ranges that ended. */
  take(): readonly Buffer[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  finish(): readonly Buffer[] {
    this.#endAll();
    return this.take();
  }

  #endAll(): void {
    for (const [source, range] of this.#ranges) this.#end(source, range);
    this.#ranges = new Map();
  }

  #end(source: string, { first, last, shard, index }: Range): void {
    const fact = Buffer.allocUnsafe(FACT_BYTES);
    writeRange(fact, 0, source, first, last);
    writePlace(fact, 0, shard, index);
    this.#done.push(fact);
  }
}
