import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  leafHash,
  leavesReader,
  nodeHash,
  proveConsistency,
  proveInclusion,
  readRoot,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../src/index.ts';
import vectors from './fixtures/ct-reference-roots.json' with { type: 'json' };
import { expectCode, flipOneBit } from './support.ts';

const reference = vectors.leaves.map((hex) => leafHash(Buffer.from(hex, 'hex')));
const numbered = (count: number): Uint8Array[] => Array.from({ length: count }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));
const hex = (hashes: readonly Uint8Array[]) => hashes.map((hash) => Buffer.from(hash).toString('hex'));

/** RFC 6962 section 2.1.3: the tree of seven leaves d0 to d6 and the hashes of its proofs. */
describe('the example of RFC 6962 section 2.1.3', () => {
  const d = numbered(7) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const [a, b, c, dd, e, f, j] = d;
  const [g, h, i] = [nodeHash(a, b), nodeHash(c, dd), nodeHash(e, f)];
  const [k, l] = [nodeHash(g, h), nodeHash(i, j)];
  it.each([
    ['d0 is [b, h, l]', 0n, [b, h, l]],
    ['d3 is [c, g, l]', 3n, [c, g, l]],
    ['d4 is [f, j, k]', 4n, [f, j, k]],
    ['d6 is [i, k]', 6n, [i, k]],
  ])('the audit path for %s', async (_, index, path) => {
    expect(hex(await proveInclusion(index, 7n, leavesReader(d)))).toEqual(hex(path));
  });
  it.each([
    ['hash0 (3) is [c, d, g, l]', 3n, [c, dd, g, l]],
    ['hash1 (4) is [l]', 4n, [l]],
    ['hash2 (6) is [i, j, k]', 6n, [i, j, k]],
  ])('the consistency proof from %s', async (_, before, proof) => {
    expect(hex(await proveConsistency(before, 7n, leavesReader(d)))).toEqual(hex(proof));
  });
});

describe('proofs', () => {
  it('are found for every leaf and every earlier size of the Certificate Transparency reference tree', async () => {
    for (let size = 1; size <= 8; size += 1) {
      const root = Buffer.from(vectors.roots[size] as string, 'hex');
      const reader = leavesReader(reference.slice(0, size));
      expect(await readRoot(BigInt(size), reader)).toEqual(root);
      for (let index = 0; index < size; index += 1) {
        verifyInclusion(
          BigInt(index),
          BigInt(size),
          reference[index] as Uint8Array,
          await proveInclusion(BigInt(index), BigInt(size), reader),
          root,
        );
      }
      for (let before = 0; before <= size; before += 1) {
        const earlier = { size: BigInt(before), root: Buffer.from(vectors.roots[before] as string, 'hex') };
        verifyConsistency(earlier, { size: BigInt(size), root }, await proveConsistency(BigInt(before), BigInt(size), reader));
      }
    }
  });

  it('of inclusion verify in any tree, and with any bit flipped anywhere they do not', async () => {
    const tree = fc.integer({ min: 1, max: 300 }).chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1), fc.nat()));
    await fc.assert(
      fc.asyncProperty(tree, async ([size, index, bit]) => {
        const leaves = numbered(size);
        const proof: Uint8Array[] = await proveInclusion(BigInt(index), BigInt(size), leavesReader(leaves));
        const verify = (path: readonly Uint8Array[], root: Uint8Array = rootOf(leaves), leaf = leaves[index] as Uint8Array) =>
          verifyInclusion(BigInt(index), BigInt(size), leaf, path, root);
        verify(proof);
        for (let at = 0; at < proof.length; at += 1) {
          expectCode('root_mismatch', () => verify(proof.with(at, flipOneBit(proof[at] as Uint8Array, bit))));
        }
        expectCode('root_mismatch', () => verify(proof, flipOneBit(rootOf(leaves), bit)));
        expectCode('root_mismatch', () => verify(proof, rootOf(leaves), flipOneBit(leaves[index] as Uint8Array, bit)));
        expectCode('proof_length_wrong', () => verify([...proof, Buffer.alloc(32)]));
        if (proof.length > 0) expectCode('proof_length_wrong', () => verify(proof.slice(1)));
      }),
    );
  });

  it('of consistency verify between any sizes, and with any bit flipped anywhere or the sizes swapped they do not', async () => {
    const sizes = fc
      .integer({ min: 1, max: 300 })
      .chain((after) => fc.tuple(fc.integer({ min: 1, max: after }), fc.constant(after), fc.nat()));
    await fc.assert(
      fc.asyncProperty(sizes, async ([before, after, bit]) => {
        const leaves = numbered(after);
        const proof: Uint8Array[] = await proveConsistency(BigInt(before), BigInt(after), leavesReader(leaves));
        const early = { size: BigInt(before), root: rootOf(leaves.slice(0, before)) };
        const late = { size: BigInt(after), root: rootOf(leaves) };
        verifyConsistency(early, late, proof);
        for (let at = 0; at < proof.length; at += 1) {
          expectCode('root_mismatch', () => verifyConsistency(early, late, proof.with(at, flipOneBit(proof[at] as Uint8Array, bit))));
        }
        expectCode('root_mismatch', () => verifyConsistency({ ...early, root: flipOneBit(early.root, bit) }, late, proof));
        expectCode('root_mismatch', () => verifyConsistency(early, { ...late, root: flipOneBit(late.root, bit) }, proof));
        expectCode('proof_length_wrong', () => verifyConsistency(early, late, [...proof, Buffer.alloc(32)]));
        if (before < after) expectCode('size_shrinks', () => verifyConsistency(late, early, proof));
      }),
    );
  });

  it('of the empty tree are empty, and its root is known', () => {
    const empty = { size: 0n, root: rootOf([]) };
    const one = { size: 1n, root: leafHash(Buffer.from('x')) };
    verifyConsistency(empty, empty, []);
    verifyConsistency(empty, one, []);
    expectCode('root_mismatch', () => verifyConsistency({ ...empty, root: one.root }, one, []));
    expectCode('proof_length_wrong', () => verifyConsistency(empty, one, [one.root]));
  });

  it('are refused for impossible sizes and invalid hashes', () => {
    const root = Buffer.alloc(32);
    expectCode('index_out_of_range', () => verifyInclusion(1n, 1n, root, [], root));
    expectCode('index_out_of_range', () => verifyInclusion(-1n, 1n, root, [], root));
    expectCode('index_out_of_range', () => verifyInclusion(0n, 2n ** 63n, root, [], root));
    expectCode('hash_invalid', () => verifyInclusion(0n, 2n, root, [Buffer.alloc(31)], root));
    expectCode('hash_invalid', () => verifyInclusion(0n, 1n, Buffer.alloc(33), [], root));
    expectCode('proof_length_wrong', () => verifyInclusion(0n, 2n ** 63n - 1n, root, new Array(1_000_000).fill(root), root));
  });
});
