import { equalBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import type { Note, NoteSignature } from './note.ts';
import { formatKeyId, type VerifierKey } from './verifier-key.ts';

/** A verified signature with its key. */
export interface VerifiedSignature extends NoteSignature {
  readonly key: VerifierKey;
}

/**
 * Verifies every signature of a known key and returns one per key. Signatures of unknown keys and of unsupported types are ignored.
 * @throws key_ambiguous; signature_invalid if a known key's signature does not verify; signature_missing if no known key signed
 */
export function verifyNote(note: Note, keys: readonly VerifierKey[]): VerifiedSignature[] {
  const verified = verifySignatures(note, keys);
  if (verified.length === 0) throw new TransparencyError('signature_missing', `the note has no signature of the ${keys.length} known keys`);
  return verified;
}

/** Like `verifyNote`, but returns an empty list if no known key signed. */
export function verifySignatures({ text, signatures }: Note, keys: readonly VerifierKey[]): VerifiedSignature[] {
  const known = keyring(keys);
  const verified = new Map<string, VerifiedSignature>();
  for (const one of signatures) {
    const id = identity(one);
    const key = known.get(id);
    if (key?.verify === undefined) continue;
    if (!key.verify(text, one.signature)) throw new TransparencyError('signature_invalid', `the signature of ${id} does not verify`);
    if (!verified.has(id)) verified.set(id, { ...one, key });
  }
  return [...verified.values()];
}

function keyring(keys: readonly VerifierKey[]): Map<string, VerifierKey> {
  const ring = new Map<string, VerifierKey>();
  for (const key of keys) {
    const id = identity(key);
    const other = ring.get(id);
    if (other !== undefined && (other.type !== key.type || !equalBytes(other.publicKey, key.publicKey))) {
      throw new TransparencyError('key_ambiguous', `two different keys are named ${id}`);
    }
    ring.set(id, key);
  }
  return ring;
}

const identity = ({ name, keyId }: { name: string; keyId: number }): string => `${name}+${formatKeyId(keyId)}`;
