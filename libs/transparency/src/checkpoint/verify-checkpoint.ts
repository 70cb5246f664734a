import { decodeUint, equalBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { COSIGNATURE_TIME_BYTES, COSIGNATURE_TYPE } from '../note/algorithm.ts';
import { type Note, parseNote } from '../note/note.ts';
import type { VerifierKey } from '../note/verifier-key.ts';
import { type VerifiedSignature, verifyNote, verifySignatures } from '../note/verify-note.ts';
import { requireHead } from '../tree/consistency.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';

/** Whom to believe about a log. */
export interface CheckpointPolicy {
  readonly origin: string;
  /** Keys that speak for this origin; one of them must have signed. Several while a key is rotated. */
  readonly logKeys: readonly VerifierKey[];
  readonly witnessKeys?: readonly VerifierKey[];
  /** How many different witnesses must have cosigned. Default: none. */
  readonly witnessesMin?: number;
}

export interface Cosignature {
  readonly key: VerifierKey;
  /** When the witness says it signed, in seconds since 1970. */
  readonly timeSeconds: bigint;
}

export interface VerifiedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: Note;
  readonly signatures: readonly VerifiedSignature[];
  readonly cosignatures: readonly Cosignature[];
}

/** @throws what `parseNote` and `parseCheckpoint` throw; origin_mismatch, signature_missing, signature_invalid, cosignatures_missing, root_mismatch */
export function verifyCheckpoint(bytes: Uint8Array, policy: CheckpointPolicy): VerifiedCheckpoint {
  const note = parseNote(bytes);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== policy.origin) {
    throw new TransparencyError(
      'origin_mismatch',
      `a checkpoint of ${JSON.stringify(checkpoint.origin)}, not of ${JSON.stringify(policy.origin)}`,
    );
  }
  const signatures = verifyNote(note, policy.logKeys);
  const cosignatures = verifyCosignatures(note, policy.witnessKeys ?? []);
  requireWitnesses(cosignatures, policy.witnessesMin ?? 0);
  requireHead(checkpoint);
  return { checkpoint, note, signatures, cosignatures };
}

/** Of known witnesses, each once. @throws key_invalid for a key that is none of a witness, signature_invalid, key_ambiguous */
export function verifyCosignatures(note: Note, witnessKeys: readonly VerifierKey[]): Cosignature[] {
  const other = witnessKeys.find(({ type, verify }) => type !== COSIGNATURE_TYPE && verify !== undefined);
  if (other !== undefined) throw new TransparencyError('key_invalid', `${other.name} is not a witness: its key is of type ${other.type}`);
  return verifySignatures(note, witnessKeys).map(({ key, signature }) => ({
    key,
    timeSeconds: decodeUint(signature.subarray(0, COSIGNATURE_TIME_BYTES)),
  }));
}

/** One key under two names is one witness: the signed message does not name it. */
function requireWitnesses(cosignatures: readonly Cosignature[], witnessesMin: number): void {
  const distinct = cosignatures.filter(
    ({ key }, at) => cosignatures.findIndex((other) => equalBytes(other.key.publicKey, key.publicKey)) === at,
  );
  if (distinct.length < witnessesMin) {
    throw new TransparencyError('cosignatures_missing', `${distinct.length} known witnesses cosigned, ${witnessesMin} are wanted`);
  }
}
