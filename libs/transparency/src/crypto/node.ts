import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

/** Type of the byte arrays created here: a Buffer in Node, a plain Uint8Array elsewhere. */
export type Bytes = Buffer<ArrayBuffer>;

/** Not zeroed: the caller must fill it. */
export const allocateBytes = (length: number): Bytes => Buffer.allocUnsafe(length);

/** One-shot hash through a latin1 string: 65 bytes take 0.36 µs, 0.82 with a Buffer result, 1.2 with `createHash` (Node 24, 2026-11). */
export const sha256 = (data: Uint8Array): Bytes => Buffer.from(hash('sha256', data, 'binary'), 'latin1');

/** RFC 8410: the DER prefixes of a 32-byte public key (SPKI) and of a seed (PKCS #8). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** @param publicKey 32 bytes (RFC 8032). @returns a function that verifies a 64-byte signature */
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
