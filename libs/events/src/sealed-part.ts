import { createCipheriv, createDecipheriv } from 'node:crypto';
import { canonicalize } from './canonical.ts';

/**
 * A part whose bytes are sealed, version 1: `RSEAL` | uint8 version | 16 bytes data key id | 12 bytes nonce | 16 bytes tag | ciphertext.
 * AES-256-GCM (NIST SP 800-38D). Authenticated beside it: what it is for, the tenant, the subject and the key id, so that it opens nowhere else.
 * No canonical JSON begins with `R`: a part that is not sealed is never taken for one.
 */
const MAGIC = Buffer.from('RSEAL\u0001', 'latin1');
const KEY_ID_BYTES = 16;
export const SEAL_NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NONCE_AT = MAGIC.length + KEY_ID_BYTES;
const TAG_AT = NONCE_AT + SEAL_NONCE_BYTES;
const TEXT_AT = TAG_AT + TAG_BYTES;
/** Bytes that sealing adds. */
export const SEAL_OVERHEAD_BYTES = TEXT_AT;
export const DATA_KEY_BYTES = 32;

const PURPOSE = 'recant.part.v1';
const KEY_ID = /^[0-9a-f]{32}$/;

/** Whose part it is. */
export interface SealedFor {
  readonly tenant: string;
  readonly subject: string;
}

/** A key of one subject. Its nonces are random: it seals at most 2^32 parts (NIST SP 800-38D, 8.3), and far fewer in practice. */
export interface DataKey {
  /** 32 lower-case hex digits. */
  readonly keyId: string;
  /** DATA_KEY_BYTES bytes. */
  readonly key: Uint8Array;
}

export function isDataKeyId(text: string): boolean {
  return KEY_ID.test(text);
}

/** @param nonce SEAL_NONCE_BYTES random bytes, never used with this key before. */
export function sealPart(plain: Uint8Array, { keyId, key }: DataKey, whose: SealedFor, nonce: Uint8Array): Uint8Array {
  if (!isDataKeyId(keyId)) throw new RangeError('a data key id is 32 lower-case hex digits');
  const { tag, text } = encrypt(key, nonce, contextOf(keyId, whose), plain);
  return new Uint8Array(Buffer.concat([MAGIC, Buffer.from(keyId, 'hex'), nonce, tag, text]));
}

/** Id of the key that sealed these bytes; undefined where they are not sealed. */
export function sealingKeyOf(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < TEXT_AT || !buffer.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  return buffer.toString('hex', MAGIC.length, NONCE_AT);
}

/** Undefined where the bytes do not open: they were changed, or sealed with another key or for somebody else. */
export function openPart(bytes: Uint8Array, { keyId, key }: DataKey, whose: SealedFor): Uint8Array | undefined {
  if (sealingKeyOf(bytes) !== keyId) return undefined;
  const [nonce, tag, text] = [bytes.subarray(NONCE_AT, TAG_AT), bytes.subarray(TAG_AT, TEXT_AT), bytes.subarray(TEXT_AT)];
  return decrypt(key, nonce, contextOf(keyId, whose), tag, text);
}

function contextOf(keyId: string, { tenant, subject }: SealedFor): Uint8Array {
  return Buffer.from(canonicalize([PURPOSE, tenant, subject, keyId]));
}

/** AES-256-GCM, whole in memory. */
export function encrypt(key: Uint8Array, nonce: Uint8Array, context: Uint8Array, plain: Uint8Array): { tag: Uint8Array; text: Uint8Array } {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(context);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { tag: cipher.getAuthTag(), text };
}

/** Undefined where the tag does not fit. */
export function decrypt(
  key: Uint8Array,
  nonce: Uint8Array,
  context: Uint8Array,
  tag: Uint8Array,
  text: Uint8Array,
): Uint8Array | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(context).setAuthTag(tag);
  const plain = decipher.update(text);
  try {
    return new Uint8Array(Buffer.concat([plain, decipher.final()]));
  } catch {
    // The only thing that `final` throws for: nothing of `plain` is given out.
    return undefined;
  }
}
