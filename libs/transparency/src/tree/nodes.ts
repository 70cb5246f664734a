import type { Bytes } from '#crypto';
import { TransparencyError } from '../error.ts';
import { emptyRoot, nodeHash, requireHash } from '../hash.ts';
import { SIZE_MAX } from '../limits.ts';

/** A complete subtree: the `index`-th of 2^`level` leaves. Level 0 are the leaf hashes. */
export interface TreeNode {
  readonly level: number;
  readonly index: bigint;
}

/**
 * Reads the hashes of complete subtrees, all of a proof in one call, in the order requested.
 * Receives only nodes that are complete in the caller's tree. Need not be trusted: a proof made from wrong hashes does not verify.
 */
export type HashReader = (nodes: readonly TreeNode[]) => Promise<readonly Uint8Array[]>;

/** Leaves [start, end). */
export interface LeafRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** @throws index_out_of_range */
export function requireSize(size: bigint): void {
  if (size < 0n || size > SIZE_MAX) throw new TransparencyError('index_out_of_range', `invalid tree size ${size}: expected 0 to 2^63 - 1`);
}

/** RFC 6962 section 2.1: the largest power of two smaller than `count`, for a count over 1. */
export function splitPoint(count: bigint): bigint {
  return 1n << BigInt((count - 1n).toString(2).length - 1);
}

/** The complete subtrees that make up a range, largest first. The range must start at a multiple of its largest subtree. */
function nodesOfRange({ start, end }: LeafRange): TreeNode[] {
  const nodes: TreeNode[] = [];
  let at = start;
  for (let level = (end - start).toString(2).length - 1; level >= 0; level -= 1) {
    const leaves = 1n << BigInt(level);
    if (at + leaves > end) continue;
    nodes.push({ level, index: at >> BigInt(level) });
    at += leaves;
  }
  return nodes;
}

/** The tree hash of complete subtrees, largest first; combined from the right. */
function hashOfNodes(hashes: readonly Uint8Array[]): Bytes {
  return hashes.reduceRight((right, left) => nodeHash(left, right)) as Bytes;
}

/** The tree hashes of ranges, in one read. @throws hashes_missing, hash_invalid */
export async function readRanges(ranges: readonly LeafRange[], reader: HashReader): Promise<Bytes[]> {
  const nodes = ranges.map(nodesOfRange);
  const wanted = nodes.flat();
  const hashes = wanted.length === 0 ? [] : await reader(wanted);
  if (hashes.length !== wanted.length) {
    throw new TransparencyError(
      'hashes_missing',
      `wrong number of hashes from the reader: expected ${wanted.length}, got ${hashes.length}`,
    );
  }
  for (const hash of hashes) requireHash(hash, 'a hash that was read');
  let at = 0;
  return nodes.map((own) => {
    const begin = at;
    at += own.length;
    return hashOfNodes(hashes.slice(begin, at));
  });
}

/** RFC 6962 section 2.1: the root of the tree of the first `size` leaves. */
export async function readRoot(size: bigint, reader: HashReader): Promise<Bytes> {
  requireSize(size);
  if (size === 0n) return emptyRoot();
  const [root] = await readRanges([{ start: 0n, end: size }], reader);
  return root as Bytes;
}
