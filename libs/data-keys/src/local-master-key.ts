import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { DataKeysError } from './error.ts';
import type { MasterKey } from './port.ts';

/** uint8 version = 1 | 8 bytes master key id | 12 bytes nonce | 16 bytes tag | ciphertext; the context is the additional authenticated data. */
const VERSION = 1;
const ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NONCE_AT = 1 + ID_BYTES;
const TAG_AT = NONCE_AT + NONCE_BYTES;
const TEXT_AT = TAG_AT + TAG_BYTES;

interface Wrapping {
  readonly id: Buffer;
  readonly key: Buffer;
}

/** AES-256-GCM under a key derived from each master key for this purpose. The first wraps; all unwrap. */
export function localMasterKey(keys: readonly [Uint8Array, ...Uint8Array[]]): MasterKey {
  const wrappings = keys.map(wrappingOf);
  const [current] = wrappings as [Wrapping, ...Wrapping[]];
  const idOf = (wrapped: Uint8Array): Buffer => Buffer.from(wrapped.subarray(1, NONCE_AT));
  return {
    async wrap(key, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current.key, nonce).setAAD(Buffer.from(context));
      const text = Buffer.concat([cipher.update(key), cipher.final()]);
      return Buffer.concat([Buffer.from([VERSION]), current.id, nonce, cipher.getAuthTag(), text]);
    },
    async unwrap(wrapped, context) {
      if (wrapped.length < TEXT_AT || wrapped[0] !== VERSION) throw broken();
      const wrapping = wrappings.find(({ id }) => id.equals(idOf(wrapped)));
      if (wrapping === undefined) {
        throw new DataKeysError(
          'master_key_unknown',
          `A data key is wrapped under master key ${idOf(wrapped).toString('hex')}, which is not configured: add it to the master keys, after the current one.`,
        );
      }
      const decipher = createDecipheriv('aes-256-gcm', wrapping.key, wrapped.subarray(NONCE_AT, TAG_AT), { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(context)).setAuthTag(wrapped.subarray(TAG_AT, TEXT_AT));
      const key = decipher.update(wrapped.subarray(TEXT_AT));
      try {
        return Buffer.concat([key, decipher.final()]);
      } catch (cause) {
        throw broken(cause);
      }
    },
    isCurrent: (wrapped) => idOf(wrapped).equals(current.id),
  };
}

function wrappingOf(masterKey: Uint8Array): Wrapping {
  const derive = (purpose: string, bytes: number): Buffer => Buffer.from(hkdfSync('sha256', masterKey, '', purpose, bytes));
  return { id: derive('recant.master-key-id.v1', ID_BYTES), key: derive('recant.data-key-wrap.v1', 32) };
}

function broken(cause?: unknown): DataKeysError {
  return new DataKeysError('wrapped_broken', 'Cannot unwrap a data key: it was modified, or moved to another key or subject.', {
    cause,
  });
}
