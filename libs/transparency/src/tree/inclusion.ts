import type { Bytes } from '#crypto';
import { equalBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { nodeHash, requireHash } from '../hash.ts';
import { PROOF_HASHES_MAX } from '../limits.ts';
import { type HashReader, type LeafRange, readRanges, requireSize, splitPoint } from './nodes.ts';

/** RFC 6962 section 2.1.1: the leaf ranges of the hashes that prove leaf `index`, from the leaf's sibling up. */
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
  if (index < 0n || index >= size) throw new TransparencyError('index_out_of_range', `no leaf ${index} in a tree of ${size} leaves`);
}

/** RFC 6962 section 2.1.1: the audit path of leaf `index` in the tree of the first `size` leaves. One read. */
export async function proveInclusion(index: bigint, size: bigint, reader: HashReader): Promise<Bytes[]> {
  requireLeaf(index, size);
  return readRanges(siblings(index, size), reader);
}

/** The root computed from a leaf and its audit path. @throws index_out_of_range, proof_length_wrong, hash_invalid */
export function rootFromInclusion(index: bigint, size: bigint, leaf: Uint8Array, proof: readonly Uint8Array[]): Bytes {
  requireLeaf(index, size);
  requireHash(leaf, 'the leaf hash');
  if (proof.length > PROOF_HASHES_MAX) throw tooMany(proof.length);
  const ranges = siblings(index, size);
  if (proof.length !== ranges.length) {
    throw new TransparencyError(
      'proof_length_wrong',
      `inclusion proof of leaf ${index} of ${size}: expected ${ranges.length} hashes, got ${proof.length}`,
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
    throw new TransparencyError('root_mismatch', `root mismatch: the proof of leaf ${index} gives another root of ${size} leaves`);
  }
}

function tooMany(count: number): TransparencyError {
  return new TransparencyError('proof_length_wrong', `too many hashes in a proof: expected at most ${PROOF_HASHES_MAX}, got ${count}`);
}
