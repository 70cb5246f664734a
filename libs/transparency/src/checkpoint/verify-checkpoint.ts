import { decodeUint, equalBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { COSIGNATURE_TIME_BYTES, COSIGNATURE_TYPE } from '../note/algorithm.ts';
import { type Note, parseNote } from '../note/note.ts';
import type { VerifierKey } from '../note/verifier-key.ts';
import { type VerifiedSignature, verifyNote, verifySignatures } from '../note/verify-note.ts';
import { requireHead } from '../tree/consistency.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';

/** The trusted keys of a log and its witnesses. */
export interface CheckpointPolicy {
  readonly origin: string;
  /** The log's keys; one of them must have signed. Several during a key rotation. */
  readonly logKeys: readonly VerifierKey[];
  readonly witnessKeys?: readonly VerifierKey[];
  /** Number of different witnesses that must have cosigned. Default: 0. */
  readonly witnessesMin?: number;
}

export interface Cosignature {
  readonly key: VerifierKey;
  /** Time of signing as claimed by the witness, in seconds since 1970. */
  readonly timeSeconds: bigint;
}

export interface VerifiedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: Note;
  readonly signatures: readonly VerifiedSignature[];
  readonly cosignatures: readonly Cosignature[];
}

/** @throws the codes of `parseNote` and `parseCheckpoint`; origin_mismatch, signature_missing, signature_invalid, cosignatures_missing, root_mismatch */
export function verifyCheckpoint(bytes: Uint8Array, policy: CheckpointPolicy): VerifiedCheckpoint {
  const note = parseNote(bytes);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== policy.origin) {
    throw new TransparencyError(
      'origin_mismatch',
      `checkpoint of another log: expected origin ${JSON.stringify(policy.origin)}, got ${JSON.stringify(checkpoint.origin)}`,
    );
  }
  const signatures = verifyNote(note, policy.logKeys);
  const cosignatures = verifyCosignatures(note, policy.witnessKeys ?? []);
  requireWitnesses(cosignatures, policy.witnessesMin ?? 0);
  requireHead(checkpoint);
  return { checkpoint, note, signatures, cosignatures };
}

/** Verifies the cosignatures of known witnesses, one per key. @throws key_invalid for a key that is not a witness key; signature_invalid, key_ambiguous */
export function verifyCosignatures(note: Note, witnessKeys: readonly VerifierKey[]): Cosignature[] {
  const other = witnessKeys.find(({ type, verify }) => type !== COSIGNATURE_TYPE && verify !== undefined);
  if (other !== undefined)
    throw new TransparencyError('key_invalid', `${other.name} is not a witness key: expected type ${COSIGNATURE_TYPE}, got ${other.type}`);
  return verifySignatures(note, witnessKeys).map(({ key, signature }) => ({
    key,
    timeSeconds: decodeUint(signature.subarray(0, COSIGNATURE_TIME_BYTES)),
  }));
}

/** One key under two names counts as one witness, because the signed message does not contain the name. */
function requireWitnesses(cosignatures: readonly Cosignature[], witnessesMin: number): void {
  const distinct = cosignatures.filter(
    ({ key }, at) => cosignatures.findIndex((other) => equalBytes(other.key.publicKey, key.publicKey)) === at,
  );
  if (distinct.length < witnessesMin) {
    throw new TransparencyError(
      'cosignatures_missing',
      `too few cosignatures of known witnesses: expected ${witnessesMin}, got ${distinct.length}`,
    );
  }
}
