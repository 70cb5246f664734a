import type { Bytes } from '#crypto';
import { TransparencyError } from '../error.ts';
import { Frontier } from '../frontier.ts';
import type { HashReader } from './nodes.ts';

/** RFC 6962 section 2.1: the root of leaf hashes. */
export function rootOf(leaves: Iterable<Uint8Array>): Bytes {
  const frontier = Frontier.empty();
  frontier.append(leaves);
  return frontier.root();
}

/** Reads from leaf hashes in memory. Recomputes every subtree, so for small trees only. */
export function leavesReader(leaves: readonly Uint8Array[]): HashReader {
  return async (nodes) =>
    nodes.map(({ level, index }) => {
      const from = Number(index) * 2 ** level;
      const to = from + 2 ** level;
      if (to > leaves.length)
        throw new TransparencyError('hashes_missing', `missing leaves: expected ${from} to ${to}, got ${leaves.length}`);
      return rootOf(leaves.slice(from, to));
    });
}
