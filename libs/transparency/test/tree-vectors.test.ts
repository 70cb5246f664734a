import { describe, expect, it } from 'vitest';
import { TransparencyError, verifyConsistency, verifyInclusion } from '../src/index.ts';
import probes from './fixtures/merkle-probes.json' with { type: 'json' };

const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');

/** Vectors with roots of 12 bytes, which are always refused: a root has 32 bytes. */
const ROOTS_THAT_ARE_NONE = ['additional/sizes-are-equal-one-and-proof-is-empty'];

function expectOutcome(wantErr: boolean, act: () => void): void {
  if (wantErr) expect(act).toThrow(TransparencyError);
  else expect(act).not.toThrow();
}

describe('published inclusion proofs', () => {
  it.each(Object.entries(probes.inclusion))('transparency-dev/merkle inclusion/%s', (_, probe) => {
    const { leafIdx, treeSize, leafHash, proof, root, wantErr } = probe;
    expectOutcome(wantErr, () => verifyInclusion(BigInt(leafIdx), BigInt(treeSize), bytes(leafHash), proof.map(bytes), bytes(root)));
  });
});

describe('published consistency proofs', () => {
  it.each(Object.entries(probes.consistency))('transparency-dev/merkle consistency/%s', (name, probe) => {
    const before = { size: BigInt(probe.size1), root: bytes(probe.root1) };
    const after = { size: BigInt(probe.size2), root: bytes(probe.root2) };
    const wantErr = probe.wantErr || ROOTS_THAT_ARE_NONE.includes(name);
    expectOutcome(wantErr, () => verifyConsistency(before, after, probe.proof.map(bytes)));
  });
});
