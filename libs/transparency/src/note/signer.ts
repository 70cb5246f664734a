import { ed25519Signer as platformSigner } from '#crypto';
import { concatBytes, encodeUint } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { KEY_CHARACTERS_MAX, SIZE_MAX } from '../limits.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';
import { encodeUtf8 } from '../text/utf8.ts';
import { COSIGNATURE_TIME_BYTES, COSIGNATURE_TYPE, cosignedMessage, ED25519_TYPE } from './algorithm.ts';
import { formatKeyId, type VerifierKey, verifierKey } from './verifier-key.ts';

/** Signs the text of a note. */
export interface NoteSigner {
  readonly key: VerifierKey;
  /** The signature without the key id. */
  sign(text: string): Uint8Array;
}

const SEED_BYTES = 32;

/** A log's key. @param seed 32 secret bytes. @throws name_invalid, key_invalid */
export function ed25519Signer(name: string, seed: Uint8Array): NoteSigner {
  requireSeed(name, seed);
  const { publicKey, sign } = platformSigner(seed);
  return { key: verifierKey(name, ED25519_TYPE, publicKey), sign: (text) => sign(encodeUtf8(text)) };
}

/**
 * A witness's key at a given time. A cosignature states that the witness saw no larger tree of the log, and that this one is consistent with all it saw.
 * The message does not name the witness: a key is of one witness only.
 * @param timeSeconds since 1970, over 0. @throws name_invalid, key_invalid, number_invalid
 */
export function cosigner(name: string, seed: Uint8Array, timeSeconds: bigint): NoteSigner {
  requireSeed(name, seed);
  if (timeSeconds < 1n || timeSeconds > SIZE_MAX)
    throw new TransparencyError('number_invalid', `invalid time of a cosignature: ${timeSeconds}`);
  const { publicKey, sign } = platformSigner(seed);
  return {
    key: verifierKey(name, COSIGNATURE_TYPE, publicKey),
    sign: (text) => concatBytes([encodeUint(timeSeconds, COSIGNATURE_TIME_BYTES), sign(cosignedMessage(text, timeSeconds))]),
  };
}

const PREFIX = 'PRIVATE+KEY+';

/** `PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`, the format of golang.org/x/mod/sumdb/note; C2SP defines none. */
export function formatSigningKey({ name, keyId, type }: VerifierKey, seed: Uint8Array): string {
  return `${PREFIX}${name}+${formatKeyId(keyId)}+${encodeBase64(concatBytes([Uint8Array.of(type), seed]))}`;
}

/** @returns the arguments of `ed25519Signer` and `cosigner`. @throws key_invalid, base64_invalid, too_large; no detail contains the key */
export function parseSigningKey(text: string): { readonly name: string; readonly type: number; readonly seed: Uint8Array } {
  if (text.length > KEY_CHARACTERS_MAX)
    throw new TransparencyError('too_large', `a signing key is too long: expected at most ${KEY_CHARACTERS_MAX} characters`);
  const [, name, hex, encoded] = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{44})$/u.exec(text) ?? [];
  if (name === undefined || hex === undefined || encoded === undefined) {
    throw new TransparencyError('key_invalid', `malformed signing key: expected ${PREFIX}<name>+<8 hex digits>+<base64 of 33 bytes>`);
  }
  const [type, ...rest] = decodeSecret(encoded);
  const seed = Uint8Array.from(rest);
  if (type !== ED25519_TYPE && type !== COSIGNATURE_TYPE)
    throw new TransparencyError('key_invalid', `${name}: unsupported key type ${type} for signing`);
  requireSeed(name, seed);
  const { keyId } = verifierKey(name, type, platformSigner(seed).publicKey);
  if (formatKeyId(keyId) !== hex)
    throw new TransparencyError('key_invalid', `${name}: wrong key id: expected ${formatKeyId(keyId)}, got ${hex}`);
  return { name, type, seed };
}

/** Replaces the error of `decodeBase64`, which quotes its input. */
function decodeSecret(encoded: string): Uint8Array {
  try {
    return decodeBase64(encoded);
  } catch {
    throw new TransparencyError('base64_invalid', 'the secret of a signing key is not base64');
  }
}

function requireSeed(name: string, seed: Uint8Array): void {
  if (seed.length !== SEED_BYTES)
    throw new TransparencyError('key_invalid', `${name}: expected a seed of ${SEED_BYTES} bytes, got ${seed.length}`);
}
