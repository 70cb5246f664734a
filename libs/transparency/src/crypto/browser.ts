import { getPublicKey, hashes, Point, sign } from '@noble/ed25519';
import { sha256 as nobleSha256, sha512 } from '@noble/hashes/sha2.js';

/** Type of the byte arrays created here. */
export type Bytes = Uint8Array<ArrayBuffer>;

export const allocateBytes = (length: number): Bytes => new Uint8Array(length);

export const sha256 = (data: Uint8Array): Bytes => nobleSha256(data);

/**
 * Checks the equation of RFC 8032 section 5.1.7 without the cofactor and compares the bytes of R, as OpenSSL does in Node: a signature verifies here
 * if and only if it verifies there.
 */
export function ed25519Verifier(publicKey: Uint8Array): (message: Uint8Array, signature: Uint8Array) => boolean {
  const minusA = pointOf(publicKey)?.negate();
  return (message, signature) => {
    if (minusA === undefined || signature.length !== 64) return false;
    const s = littleEndian(signature.subarray(32));
    const order = Point.CURVE().n;
    if (s >= order) return false;
    const hash = sha512.create().update(signature.subarray(0, 32)).update(publicKey).update(message).digest();
    const k = littleEndian(hash) % order;
    const r = Point.BASE.multiply(s, false).add(minusA.multiply(k, false)).toBytes();
    return r.every((byte, at) => byte === signature[at]);
  };
}

/** @param seed 32 secret bytes (RFC 8032). */
export function ed25519Signer(seed: Uint8Array): { readonly publicKey: Bytes; sign(message: Uint8Array): Bytes } {
  // The synchronous functions of @noble/ed25519 need this SHA-512.
  hashes.sha512 = sha512;
  return { publicKey: Uint8Array.from(getPublicKey(seed)), sign: (message) => Uint8Array.from(sign(message, seed)) };
}

/** Undefined for bytes that encode no point; in Node such a key verifies nothing. */
function pointOf(publicKey: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(publicKey, false);
  } catch {
    return undefined;
  }
}

const littleEndian = (bytes: Uint8Array): bigint => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
