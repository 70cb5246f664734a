import type { CheckpointPolicy } from '../checkpoint/verify-checkpoint.ts';
import { TransparencyError } from '../error.ts';
import { leafHash } from '../hash.ts';
import { type VerifiedTlogProof, verifyTlogProof } from '../proof-file/verify-tlog-proof.ts';
import type { TenantHeads } from './commitment.ts';
import { encodeHeadRecord } from './head-record.ts';
import { type HeadsPath, headsRootOf } from './heads-tree.ts';

/**
 * Verifies that the signed (and, if the policy requires it, cosigned) head of the ledger includes a tenant's heads at the path's publication.
 * The tenant must also store its slot and refuse a different one later.
 * @param proof the tlog-proof of the publication's record in the head log
 * @throws the codes of `headsRootOf` and `verifyTlogProof`; head_invalid for the proof of another publication
 */
export function verifyTenantHeads(heads: TenantHeads, path: HeadsPath, proof: Uint8Array, policy: CheckpointPolicy): VerifiedTlogProof {
  const record = encodeHeadRecord({ publication: path.publication, width: path.width, root: headsRootOf(heads, path) });
  const verified = verifyTlogProof(proof, leafHash(record), policy);
  if (verified.proof.index !== path.publication) {
    throw new TransparencyError(
      'head_invalid',
      `publication mismatch: the path is of publication ${path.publication}, the proof of ${verified.proof.index}`,
    );
  }
  return verified;
}
