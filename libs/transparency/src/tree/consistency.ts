import type { Bytes } from '#crypto';
import { equalBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { emptyRoot, nodeHash, requireHash } from '../hash.ts';
import { type HashReader, type LeafRange, readRanges, requireSize, splitPoint } from './nodes.ts';

/** Size and root of a tree. */
export interface TreeHead {
  readonly size: bigint;
  readonly root: Uint8Array;
}

/** RFC 6962 section 2.1.2: the leaf ranges of the proof's hashes, in order. Empty if `before` is 0 or equals `after`. */
function ranges(before: bigint, after: bigint): LeafRange[] {
  if (before === 0n || before === after) return [];
  const path: LeafRange[] = [];
  let start = 0n;
  let end = after;
  while (end !== before) {
    const middle = start + splitPoint(end - start);
    if (before <= middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  // If the subtree is the whole earlier tree, the verifier has its hash already: the root.
  if (start !== 0n) path.push({ start, end });
  return path.reverse();
}

function requireOrder(before: bigint, after: bigint): void {
  requireSize(before);
  requireSize(after);
  if (after < before) throw new TransparencyError('size_shrinks', `a tree cannot shrink: expected at least ${before} leaves, got ${after}`);
}

/** RFC 6962 section 2.1.2: proves that the tree of `before` leaves is a prefix of the tree of `after` leaves. One read. */
export async function proveConsistency(before: bigint, after: bigint, reader: HashReader): Promise<Bytes[]> {
  requireOrder(before, after);
  return readRanges(ranges(before, after), reader);
}

/**
 * Verifies that `before` is a prefix of `after`. The empty tree is a prefix of every tree, with an empty proof (C2SP tlog-witness).
 * @throws size_shrinks, proof_length_wrong, hash_invalid, root_mismatch
 */
export function verifyConsistency(before: TreeHead, after: TreeHead, proof: readonly Uint8Array[]): void {
  requireOrder(before.size, after.size);
  for (const head of [before, after]) requireHead(head);
  const covered = ranges(before.size, after.size);
  if (proof.length !== covered.length) {
    throw new TransparencyError(
      'proof_length_wrong',
      `consistency proof from ${before.size} to ${after.size} leaves: expected ${covered.length} hashes, got ${proof.length}`,
    );
  }
  if (before.size === after.size) requireRoot('later', before.root, after);
  else if (before.size !== 0n) requireBothRoots(before, after, covered, proof);
}

/** Checks the length of the root, and its value for the empty tree. @throws hash_invalid, root_mismatch */
export function requireHead(head: TreeHead): void {
  requireHash(head.root, 'a root');
  if (head.size === 0n) requireRoot('empty', emptyRoot(), head);
}

/** Hashes of ranges in the earlier tree contribute to both roots, later ones only to the later root. */
function requireBothRoots(before: TreeHead, after: TreeHead, covered: readonly LeafRange[], proof: readonly Uint8Array[]): void {
  const startsInside = (covered[0] as LeafRange).end === before.size;
  let early = startsInside ? (proof[0] as Uint8Array) : before.root;
  let late = early;
  for (let at = startsInside ? 1 : 0; at < proof.length; at += 1) {
    const hash = proof[at] as Uint8Array;
    if ((covered[at] as LeafRange).end <= before.size) {
      early = nodeHash(hash, early);
      late = nodeHash(hash, late);
    } else {
      late = nodeHash(late, hash);
    }
  }
  requireRoot('earlier', early, before);
  requireRoot('later', late, after);
}

function requireRoot(which: string, computed: Uint8Array, head: TreeHead): void {
  if (!equalBytes(computed, head.root)) {
    throw new TransparencyError('root_mismatch', `root mismatch: the ${which} tree of ${head.size} leaves has another root`);
  }
}
