import type { Bytes } from '#crypto';
import { concatBytes } from './bytes.ts';
import { emptyRoot, HASH_BYTES, nodeHash } from './hash.ts';

/**
 * The right edge of an append-only tree: the roots of its complete subtrees, largest first. Appending needs nothing else.
 *
 * Invariant: `#roots.length` is the number of one bits in `size`. Serialised as the concatenated roots; the caller stores the size.
 */
export class Frontier {
  readonly #roots: Bytes[];
  /** Below 2^53, so that a number suffices. */
  #size: number;

  private constructor(size: number, roots: Bytes[]) {
    this.#size = size;
    this.#roots = roots;
  }

  static empty(): Frontier {
    return new Frontier(0, []);
  }

  /** @throws RangeError if the number of bytes does not match the size */
  static parse(size: bigint, bytes: Uint8Array): Frontier {
    if (size < 0n || size > Number.MAX_SAFE_INTEGER || bytes.length !== oneBits(size) * HASH_BYTES) {
      throw new RangeError(`invalid frontier of a tree of ${size} leaves: ${bytes.length} bytes`);
    }
    const roots: Bytes[] = [];
    for (let at = 0; at < bytes.length; at += HASH_BYTES) roots.push(concatBytes([bytes.subarray(at, at + HASH_BYTES)]));
    return new Frontier(Number(size), roots);
  }

  get size(): bigint {
    return BigInt(this.#size);
  }

  /** @param leaves leaf hashes, in order. */
  append(leaves: Iterable<Uint8Array>): void {
    for (const leaf of leaves) this.#appendOne(leaf);
  }

  #appendOne(leaf: Uint8Array): void {
    let node = leaf as Bytes;
    // Each trailing one bit of the size is a complete subtree as large as `node`; the two are combined.
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(this.#roots.pop() as Bytes, node);
    this.#roots.push(node);
    this.#size += 1;
  }

  /** RFC 6962 section 2.1 Merkle tree hash of all leaves so far. */
  root(): Bytes {
    return this.#roots.length === 0 ? emptyRoot() : this.#roots.reduceRight((right, left) => nodeHash(left, right));
  }

  serialize(): Bytes {
    return concatBytes(this.#roots);
  }
}

function oneBits(size: bigint): number {
  let bits = 0;
  for (let rest = size; rest > 0n; rest >>= 1n) if (rest & 1n) bits += 1;
  return bits;
}
