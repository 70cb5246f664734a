import { hash } from 'node:crypto';

const KIND = /^[a-z][a-z0-9.-]{0,31}$/;

/** Whether a text may be the kind of a message, a known one or not. */
export function isMessageKind(text: string): boolean {
  return KIND.test(text);
}

/**
 * The MAC of a Kafka message, base64url: HMAC-SHA256 of kind, line feed and value, so that a message of one kind is never one of another.
 * @param macSecret `macSecretOf` the API secret, at most 64 bytes @param kind see `isMessageKind`
 */
export function messageMac(macSecret: Uint8Array, kind: string, value: Uint8Array): string {
  const pads = preparedPads.get(macSecret) ?? preparePads(macSecret);
  const valueAt = BLOCK_BYTES + kind.length + 1;
  const inner = Buffer.allocUnsafe(valueAt + value.length);
  inner.set(pads.inner);
  inner.write(`${kind}\n`, BLOCK_BYTES, 'latin1');
  inner.set(value, valueAt);
  pads.outer.write(hash('sha256', inner, 'binary'), BLOCK_BYTES, 'latin1');
  return hash('sha256', pads.outer, 'base64url');
}

/** RFC 2104 with SHA-256. */
const BLOCK_BYTES = 64;
const HASH_BYTES = 32;

interface Pads {
  readonly inner: Uint8Array;
  /** Followed by space for the inner hash; reuse is safe because hashing is synchronous. */
  readonly outer: Buffer;
}

/** A MAC of 1 kB takes 1.3 µs as two one-shot hashes, 2.0 µs with `createHmac` (Node 24, 2026-11). An entry lives as long as its secret. */
const preparedPads = new WeakMap<Uint8Array, Pads>();

function preparePads(secret: Uint8Array): Pads {
  if (secret.length > BLOCK_BYTES) throw new RangeError(`expected a MAC secret of at most ${BLOCK_BYTES} bytes, got ${secret.length}`);
  const pad = (byte: number, bytes: number): Buffer => {
    const padded = Buffer.alloc(bytes);
    for (let at = 0; at < BLOCK_BYTES; at += 1) padded[at] = byte ^ (secret[at] ?? 0);
    return padded;
  };
  const pads = { inner: pad(0x36, BLOCK_BYTES), outer: pad(0x5c, BLOCK_BYTES + HASH_BYTES) };
  preparedPads.set(secret, pads);
  return pads;
}
