import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { StoreError } from '../error.ts';

const ALGORITHM = 'aes-256-gcm';
const SEAL_VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const MASTER_KEY_BYTES = 32;

/** Seals small secrets under one key. `purpose` binds a value to its column and owner: it opens only there. */
export interface Sealer {
  seal(plain: Uint8Array, purpose: string): Buffer;
  /** @throws StoreError `seal_broken` */
  open(sealed: Uint8Array, purpose: string): Buffer;
}

/**
 * AES-256-GCM with a random nonce. Layout: uint8 version = 1 | nonce | tag | ciphertext; the purpose is the additional authenticated data.
 * @param older previous master keys: open old values, seal nothing
 */
export function createSealer(masterKey: Uint8Array, older: readonly Uint8Array[] = []): Sealer {
  const keys = [masterKey, ...older];
  if (keys.some((key) => key.length !== MASTER_KEY_BYTES)) throw new RangeError(`master key: expected ${MASTER_KEY_BYTES} bytes`);
  return {
    seal(plain, purpose) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, masterKey, nonce).setAAD(Buffer.from(purpose));
      const text = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([Buffer.from([SEAL_VERSION]), nonce, cipher.getAuthTag(), text]);
    },
    open(sealed, purpose) {
      const bytes = Buffer.from(sealed);
      let cause: unknown;
      for (const key of keys) {
        try {
          return openWith(key, bytes, purpose);
        } catch (error) {
          cause ??= error;
        }
      }
      throw new StoreError(
        'seal_broken',
        'Cannot open a sealed value: it was modified, or sealed under a master key that is not configured.',
        { cause },
      );
    },
  };
}

function openWith(key: Uint8Array, bytes: Buffer, purpose: string): Buffer {
  const textAt = 1 + NONCE_BYTES + TAG_BYTES;
  if (bytes.length < textAt || bytes[0] !== SEAL_VERSION) throw new RangeError('not a sealed value');
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(1, 1 + NONCE_BYTES));
  decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(1 + NONCE_BYTES, textAt));
  return Buffer.concat([decipher.update(bytes.subarray(textAt)), decipher.final()]);
}
