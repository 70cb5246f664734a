export interface Placed {
  readonly shard: number;
  readonly index: bigint;
}

export function comparePlaces(a: Placed, b: Placed): number {
  return a.shard - b.shard || (a.index < b.index ? -1 : a.index > b.index ? 1 : 0);
}

/** Reads an ascending list of rows in step with the entries that they belong to. */
export class MergeCursor<T extends Placed> {
  readonly #rows: AsyncIterator<T>;
  #head: IteratorResult<T> | undefined;

  constructor(rows: AsyncIterable<T>) {
    this.#rows = rows[Symbol.asyncIterator]();
  }

  /** Rows at the place. Rows before it belong to no entry and go to `stray`. */
  async rowsAt(place: Placed, stray: (row: T) => void): Promise<readonly T[]> {
    const found: T[] = [];
    for (this.#head ??= await this.#rows.next(); !this.#head.done; this.#head = await this.#rows.next()) {
      const order = comparePlaces(this.#head.value, place);
      if (order > 0) break;
      if (order < 0) stray(this.#head.value);
      else found.push(this.#head.value);
    }
    return found;
  }

  /** Passes all remaining rows to `stray`. */
  async drain(stray: (row: T) => void): Promise<void> {
    await this.rowsAt({ shard: Number.POSITIVE_INFINITY, index: 0n }, stray);
  }
}
