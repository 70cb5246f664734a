import { type CheckpointPolicy, type VerifiedCheckpoint, verifyCheckpoint } from '../checkpoint/verify-checkpoint.ts';
import { verifyInclusion } from '../tree/inclusion.ts';
import { decodeTlogProof, type TlogProof } from './tlog-proof.ts';

export interface VerifiedTlogProof extends VerifiedCheckpoint {
  readonly proof: TlogProof;
}

/**
 * C2SP tlog-proof, section Verifying a tlog proof. The proof does not contain the leaf: the verifier hashes its own copy of the entry.
 * @throws what `decodeTlogProof`, `verifyCheckpoint` and `verifyInclusion` throw
 */
export function verifyTlogProof(bytes: Uint8Array, leaf: Uint8Array, policy: CheckpointPolicy): VerifiedTlogProof {
  const proof = decodeTlogProof(bytes);
  const verified = verifyCheckpoint(proof.checkpoint, policy);
  const { size, root } = verified.checkpoint;
  verifyInclusion(proof.index, size, leaf, proof.hashes, root);
  return { ...verified, proof };
}
