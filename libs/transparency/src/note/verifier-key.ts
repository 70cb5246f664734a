import { sha256 } from '#crypto';
import { concatBytes, decodeUint } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { KEY_CHARACTERS_MAX } from '../limits.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';
import { encodeUtf8 } from '../text/utf8.ts';
import { NOTE_ALGORITHMS, type NoteAlgorithm } from './algorithm.ts';
import { requireKeyName } from './key-name.ts';

/** A public key for verifying notes. */
export interface VerifierKey {
  readonly name: string;
  /** 32 bits. Identifies the key together with the name; not a proof of identity. */
  readonly keyId: number;
  readonly type: number;
  readonly publicKey: Uint8Array;
  /** Undefined for an unsupported type. */
  readonly verify: ((text: string, signature: Uint8Array) => boolean) | undefined;
}

/** Key ids of this type use another encoding of the key (C2SP signed-note, section Signature types). */
const ECDSA_TYPE = 0x02;

/** C2SP signed-note: the first four bytes of SHA-256(name ‖ newline ‖ type ‖ public key). */
export function keyIdOf(name: string, type: number, publicKey: Uint8Array): number {
  return Number(decodeUint(sha256(concatBytes([encodeUtf8(`${name}\n`), Uint8Array.of(type), publicKey])).subarray(0, 4)));
}

/** @param algorithms supported algorithms. @throws name_invalid, key_invalid */
export function verifierKey(
  name: string,
  type: number,
  publicKey: Uint8Array,
  algorithms: readonly NoteAlgorithm[] = NOTE_ALGORITHMS,
): VerifierKey {
  requireKeyName(name);
  const algorithm = algorithms.find((candidate) => candidate.type === type);
  if (algorithm !== undefined && publicKey.length !== algorithm.publicKeyBytes) {
    throw new TransparencyError(
      'key_invalid',
      `${name}: expected ${algorithm.publicKeyBytes} bytes for a key of type ${type}, got ${publicKey.length}`,
    );
  }
  return { name, keyId: keyIdOf(name, type, publicKey), type, publicKey, verify: algorithm?.verifier(publicKey) };
}

/** `<name>+<key id, 8 hex digits>+<base64 of type and public key>`, C2SP signed-note, section Verifier keys. */
export function formatVerifierKey({ name, keyId, type, publicKey }: VerifierKey): string {
  return `${name}+${formatKeyId(keyId)}+${encodeBase64(concatBytes([Uint8Array.of(type), publicKey]))}`;
}

/** @throws name_invalid, key_invalid, base64_invalid, too_large */
export function parseVerifierKey(text: string, algorithms: readonly NoteAlgorithm[] = NOTE_ALGORITHMS): VerifierKey {
  if (text.length > KEY_CHARACTERS_MAX)
    throw new TransparencyError('too_large', `a verifier key is too long: expected at most ${KEY_CHARACTERS_MAX} characters`);
  const [, name, hex, encoded] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/su.exec(text) ?? [];
  if (name === undefined || hex === undefined || encoded === undefined) {
    throw new TransparencyError('key_invalid', 'malformed verifier key: expected <name>+<8 hex digits>+<base64>');
  }
  requireKeyName(name);
  const [type, ...publicKey] = decodeBase64(encoded);
  if (type === undefined || publicKey.length === 0) throw new TransparencyError('key_invalid', `${name}: no public key`);
  const key = verifierKey(name, type, Uint8Array.from(publicKey), algorithms);
  const keyId = Number.parseInt(hex, 16);
  if (type === ECDSA_TYPE) return { ...key, keyId };
  if (key.keyId !== keyId)
    throw new TransparencyError('key_invalid', `${name}: wrong key id: expected ${formatKeyId(key.keyId)}, got ${hex}`);
  return key;
}

export const formatKeyId = (keyId: number): string => keyId.toString(16).padStart(8, '0');
