import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

/** What bytes made here are: under Node a Buffer, elsewhere a plain Uint8Array. */
export type Bytes = Buffer<ArrayBuffer>;

/** Not zeroed: whoever asks fills it. */
export const allocateBytes = (length: number): Bytes => Buffer.allocUnsafe(length);

/** One-shot, and by way of a string: of 65 bytes in 0.36 µs, 0.82 as a buffer of its own, 1.2 with `createHash` (Node 24, 2026-11). */
export const sha256 = (data: Uint8Array): Bytes => Buffer.from(hash('sha256', data, 'binary'), 'latin1');

/** RFC 8410: what stands before the 32 bytes of a public key (SPKI) and of a seed (PKCS #8). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** @param publicKey 32 bytes (RFC 8032). @returns a test of a 64-byte signature. */
export function ed25519Verifier(publicKey: Uint8Array): (message: Uint8Array, signature: Uint8Array) => boolean {
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
  return (message, signature) => signature.length === 64 && verify(null, message, key, signature);
}

/** @param seed 32 secret bytes (RFC 8032). */
export function ed25519Signer(seed: Uint8Array): { readonly publicKey: Bytes; sign(message: Uint8Array): Bytes } {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  return { publicKey: rawPublicKey(createPublicKey(key)), sign: (message) => sign(null, message, key) };
}

function rawPublicKey(key: KeyObject): Bytes {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length);
}
