import { createCipheriv, createDecipheriv } from 'node:crypto';
import { canonicalize } from './canonical.ts';

/**
 * Sealed part, version 1: `RSEAL` | uint8 version | 16 bytes data key id | 12 bytes nonce | 16 bytes tag | ciphertext.
 * AES-256-GCM (NIST SP 800-38D). The additional authenticated data are purpose, tenant, subject and key id, so that a part opens in no other context.
 * Canonical JSON never begins with `R`, so an unsealed part cannot be mistaken for a sealed one.
 */
const MAGIC = Buffer.from('RSEAL\u0001', 'latin1');
const KEY_ID_BYTES = 16;
export const SEAL_NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NONCE_AT = MAGIC.length + KEY_ID_BYTES;
const TAG_AT = NONCE_AT + SEAL_NONCE_BYTES;
const TEXT_AT = TAG_AT + TAG_BYTES;
export const DATA_KEY_BYTES = 32;

const PURPOSE = 'recant.part.v1';
const KEY_ID = /^[0-9a-f]{32}$/;

/** The owner of a sealed part. */
export interface SealedFor {
  readonly tenant: string;
  readonly subject: string;
}

/** A key of one subject. Nonces are random, so a key may seal at most 2^32 parts (NIST SP 800-38D, 8.3); in practice far fewer. */
export interface DataKey {
  /** 32 lower-case hex digits. */
  readonly keyId: string;
  /** DATA_KEY_BYTES bytes. */
  readonly key: Uint8Array;
}

export function isDataKeyId(text: string): boolean {
  return KEY_ID.test(text);
}

/** @param nonce SEAL_NONCE_BYTES random bytes, never used with this key before. @throws RangeError for a malformed key id */
export function sealPart(plain: Uint8Array, { keyId, key }: DataKey, whose: SealedFor, nonce: Uint8Array): Uint8Array {
  if (!isDataKeyId(keyId)) throw new RangeError('a data key id must be 32 lower-case hex digits');
  const { tag, text } = encrypt(key, nonce, contextOf(keyId, whose), plain);
  return new Uint8Array(Buffer.concat([MAGIC, Buffer.from(keyId, 'hex'), nonce, tag, text]));
}

/** Id of the key that sealed the bytes; undefined if they are not sealed. */
export function sealingKeyOf(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < TEXT_AT || !buffer.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  return buffer.toString('hex', MAGIC.length, NONCE_AT);
}

/** Opens a sealed part; undefined if it was changed, or sealed with another key, tenant or subject. */
export function openPart(bytes: Uint8Array, { keyId, key }: DataKey, whose: SealedFor): Uint8Array | undefined {
  if (sealingKeyOf(bytes) !== keyId) return undefined;
  const [nonce, tag, text] = [bytes.subarray(NONCE_AT, TAG_AT), bytes.subarray(TAG_AT, TEXT_AT), bytes.subarray(TEXT_AT)];
  return decrypt(key, nonce, contextOf(keyId, whose), tag, text);
}

function contextOf(keyId: string, { tenant, subject }: SealedFor): Uint8Array {
  return Buffer.from(canonicalize([PURPOSE, tenant, subject, keyId]));
}

/** AES-256-GCM, entirely in memory. */
export function encrypt(key: Uint8Array, nonce: Uint8Array, context: Uint8Array, plain: Uint8Array): { tag: Uint8Array; text: Uint8Array } {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(context);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { tag: cipher.getAuthTag(), text };
}

/** Undefined if the tag does not match. */
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
    // `final` throws only for a wrong tag; `plain` is discarded.
    return undefined;
  }
}
