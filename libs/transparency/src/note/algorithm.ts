import { ed25519Verifier } from '#crypto';
import { decodeUint } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { SIZE_MAX } from '../limits.ts';
import { encodeUtf8 } from '../text/utf8.ts';
import { isWeakPoint } from './weak-point.ts';

/** C2SP signed-note, section Signature types: the type byte of a public key, and its signature scheme. */
export interface NoteAlgorithm {
  readonly type: number;
  readonly publicKeyBytes: number;
  /** @returns a function that verifies a signature (without its key id) of a note's text; it never throws. @throws key_invalid */
  verifier(publicKey: Uint8Array): (text: string, signature: Uint8Array) => boolean;
}

export const ED25519_TYPE = 0x01;
export const COSIGNATURE_TYPE = 0x04;

/** Bytes of the big-endian time (seconds since 1970) before a cosignature's Ed25519 signature. */
export const COSIGNATURE_TIME_BYTES = 8;

/** C2SP tlog-cosignature, section Ed25519 signed message. @param timeSeconds since 1970. */
export function cosignedMessage(text: string, timeSeconds: bigint): Uint8Array {
  return encodeUtf8(`cosignature/v1\ntime ${timeSeconds}\n${text}`);
}

/** @throws key_invalid */
function strictVerifier(publicKey: Uint8Array): ReturnType<typeof ed25519Verifier> {
  if (isWeakPoint(publicKey)) throw new TransparencyError('key_invalid', 'Ed25519 key is of small order or not canonical');
  const verify = ed25519Verifier(publicKey);
  return (message, signature) => !isWeakPoint(signature.subarray(0, 32)) && verify(message, signature);
}

const ed25519: NoteAlgorithm = {
  type: ED25519_TYPE,
  publicKeyBytes: 32,
  verifier(publicKey) {
    const verify = strictVerifier(publicKey);
    return (text, signature) => verify(encodeUtf8(text), signature);
  },
};

const cosignature: NoteAlgorithm = {
  type: COSIGNATURE_TYPE,
  publicKeyBytes: 32,
  verifier(publicKey) {
    const verify = strictVerifier(publicKey);
    return (text, signature) => {
      const timeSeconds = decodeUint(signature.subarray(0, COSIGNATURE_TIME_BYTES));
      if (timeSeconds > SIZE_MAX) return false;
      return verify(cosignedMessage(text, timeSeconds), signature.subarray(COSIGNATURE_TIME_BYTES));
    };
  },
};

/** The supported algorithms. Keys of other types are accepted, but their signatures are ignored like those of unknown keys. */
export const NOTE_ALGORITHMS: readonly NoteAlgorithm[] = [ed25519, cosignature];
