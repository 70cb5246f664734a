import { Frontier, leafHash } from '@recant/transparency';
import type { LogFacts } from './log.ts';
import { LedgerTampered } from './tampered.ts';

/**
 * Compares the head with the last entry. An edited earlier entry is found by its leaf hash at integration, and by the auditor.
 * @throws LedgerTampered
 */
export function checkHead(facts: LogFacts): void {
  const { size, last, root } = facts;
  const entries = last === undefined ? 0n : last.index + 1n;
  if (entries !== size)
    throw new LedgerTampered(facts, 'size_mismatch', `the head has size ${size}, expected ${entries} after the last entry`);
  const frontier = frontierOf(facts);
  if (!same(frontier.root(), root))
    throw new LedgerTampered(facts, 'frontier_differs', 'the root and the frontier of the head do not match');
  if (last === undefined) return;
  if (!same(leafHash(last.frame), last.leaf))
    throw new LedgerTampered(facts, 'leaf_mismatch', `the stored leaf of entry ${last.index} is not the hash of its bytes`);
  // In a tree of odd size the last leaf is the last complete subtree.
  if (size % 2n === 1n && !same(frontier.serialize().subarray(-last.leaf.length), last.leaf))
    throw new LedgerTampered(facts, 'frontier_differs', `the frontier of the head does not end with entry ${last.index}`);
}

/** @throws LedgerTampered */
export function frontierOf(facts: LogFacts): Frontier {
  try {
    return Frontier.parse(facts.size, facts.frontier);
  } catch {
    throw new LedgerTampered(
      facts,
      'frontier_differs',
      `the head has an invalid frontier for ${facts.size} entries: ${facts.frontier.length} bytes`,
    );
  }
}

export function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
