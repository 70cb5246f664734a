export interface Placed {
  readonly shard: number;
  readonly index: bigint;
}

export function comparePlaces(a: Placed, b: Placed): number {
  return a.shard - b.shard || (a.index < b.index ? -1 : a.index > b.index ? 1 : 0);
}

/** Reads an ascending list beside another one. */
export class Beside<T extends Placed> {
  readonly #rows: AsyncIterator<T>;
  #head: IteratorResult<T> | undefined;

  constructor(rows: AsyncIterable<T>) {
    this.#rows = rows[Symbol.asyncIterator]();
  }

  /** Rows at the place; those before it, which nothing accounts for, go to `stray`. */
  async take(place: Placed, stray: (row: T) => void): Promise<readonly T[]> {
    const found: T[] = [];
    for (this.#head ??= await this.#rows.next(); !this.#head.done; this.#head = await this.#rows.next()) {
      const order = comparePlaces(this.#head.value, place);
      if (order > 0) break;
      if (order < 0) stray(this.#head.value);
      else found.push(this.#head.value);
    }
    return found;
  }

  async rest(stray: (row: T) => void): Promise<void> {
    await this.take({ shard: Number.POSITIVE_INFINITY, index: 0n }, stray);
  }
}
