import type { Bytes } from '#crypto';
import { equalBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { nodeHash, requireHash } from '../hash.ts';
import { PROOF_HASHES_MAX } from '../limits.ts';
import { type HashReader, type LeafRange, readRanges, requireSize, splitPoint } from './nodes.ts';

/** RFC 6962 section 2.1.1: what the hashes of the proof for leaf `index` cover, from the leaf's sibling up. */
function siblings(index: bigint, size: bigint): LeafRange[] {
  const ranges: LeafRange[] = [];
  let start = 0n;
  let end = size;
  while (end - start > 1n) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return ranges.reverse();
}

function requireLeaf(index: bigint, size: bigint): void {
  requireSize(size);
  if (index < 0n || index >= size) throw new TransparencyError('index_out_of_range', `leaf ${index} of a tree of ${size}`);
}

/** RFC 6962 section 2.1.1: the audit path of leaf `index` in the tree of the first `size` leaves. One read. */
export async function proveInclusion(index: bigint, size: bigint, reader: HashReader): Promise<Bytes[]> {
  requireLeaf(index, size);
  return readRanges(siblings(index, size), reader);
}

/** The root to which a path leads. @throws index_out_of_range, proof_length_wrong, hash_invalid */
export function rootFromInclusion(index: bigint, size: bigint, leaf: Uint8Array, proof: readonly Uint8Array[]): Bytes {
  requireLeaf(index, size);
  requireHash(leaf, 'the leaf hash');
  if (proof.length > PROOF_HASHES_MAX) throw tooMany(proof.length);
  const ranges = siblings(index, size);
  if (proof.length !== ranges.length) {
    throw new TransparencyError(
      'proof_length_wrong',
      `leaf ${index} of ${size} has a path of ${ranges.length} hashes, not ${proof.length}`,
    );
  }
  return proof.reduce((node, hash, at) => {
    const onTheLeft = (ranges[at] as LeafRange).end <= index;
    return onTheLeft ? nodeHash(hash, node) : nodeHash(node, hash);
  }, leaf) as Bytes;
}

/** @throws what `rootFromInclusion` throws, and root_mismatch. */
export function verifyInclusion(index: bigint, size: bigint, leaf: Uint8Array, proof: readonly Uint8Array[], root: Uint8Array): void {
  requireHash(root, 'the root');
  if (!equalBytes(rootFromInclusion(index, size, leaf, proof), root)) {
    throw new TransparencyError('root_mismatch', `the proof does not lead from leaf ${index} to the root of ${size} leaves`);
  }
}

function tooMany(count: number): TransparencyError {
  return new TransparencyError('proof_length_wrong', `${count} hashes, at most ${PROOF_HASHES_MAX} make a proof`);
}
