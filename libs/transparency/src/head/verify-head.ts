import type { CheckpointPolicy } from '../checkpoint/verify-checkpoint.ts';
import { TransparencyError } from '../error.ts';
import { leafHash } from '../hash.ts';
import { type VerifiedTlogProof, verifyTlogProof } from '../proof-file/verify-tlog-proof.ts';
import type { TenantHeads } from './commitment.ts';
import { encodeHeadRecord } from './head-record.ts';
import { type HeadsPath, headsRootOf } from './heads-tree.ts';

/**
 * That the ledger's head, signed (and cosigned, where the policy asks), binds these heads of a tenant at the path's publication.
 * A tenant also keeps its slot from the first time on, and refuses another.
 * @param proof the tlog-proof of the publication's record in the head log.
 * @throws what `headsRootOf` and `verifyTlogProof` throw; head_invalid where the proof is of another publication
 */
export function verifyTenantHeads(heads: TenantHeads, path: HeadsPath, proof: Uint8Array, policy: CheckpointPolicy): VerifiedTlogProof {
  const record = encodeHeadRecord({ publication: path.publication, width: path.width, root: headsRootOf(heads, path) });
  const verified = verifyTlogProof(proof, leafHash(record), policy);
  if (verified.proof.index !== path.publication) {
    throw new TransparencyError('head_invalid', `the proof is of publication ${verified.proof.index}, the path of ${path.publication}`);
  }
  return verified;
}
