import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyRoot, Frontier, leafHash, nodeHash } from '../src/index.ts';
import vectors from './fixtures/ct-reference-roots.json' with { type: 'json' };

const leafHashes = vectors.leaves.map((hex) => leafHash(Buffer.from(hex, 'hex')));

/** RFC 6962 section 2.1, literally: split at the largest power of two smaller than n. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return emptyRoot();
  if (leaves.length === 1) return leaves[0] as Buffer;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

describe('frontier', () => {
  it.each(vectors.roots.map((root, size) => ({ size, root })))('gives the published tree head of size $size', ({ size, root }) => {
    const frontier = Frontier.empty();
    frontier.append(leafHashes.slice(0, size));
    expect(frontier.size).toBe(BigInt(size));
    expect(frontier.root().toString('hex')).toBe(root);
  });

  it('is the tree hash of RFC 6962, for any batches and through serialisation', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 20 }), { maxLength: 8 }), (batches) => {
        let frontier = Frontier.empty();
        const all: Buffer[] = [];
        for (const batch of batches) {
          const hashes = batch.map(leafHash);
          all.push(...hashes);
          frontier.append(hashes);
          frontier = Frontier.parse(frontier.size, frontier.serialize());
          expect(frontier.root()).toEqual(treeHash(all));
        }
      }),
    );
  });

  it('refuses bytes that are not the frontier of that size', () => {
    expect(() => Frontier.parse(3n, Buffer.alloc(32))).toThrow(RangeError);
    expect(() => Frontier.parse(-1n, Buffer.alloc(0))).toThrow(RangeError);
  });
});
