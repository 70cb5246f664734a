import { allocateBytes, type Bytes, sha256 } from '#crypto';
import { TransparencyError } from './error.ts';

/** Bytes of a SHA-256 digest: of a leaf, a node and a root. */
export const HASH_BYTES = 32;

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** Hashing is synchronous and keeps nothing of its input, so one buffer serves every node. */
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES);
nodeInput[0] = NODE_PREFIX;

/** RFC 6962 section 2.1: SHA-256(0x00 ‖ data). */
export function leafHash(data: Uint8Array): Bytes {
  const input = allocateBytes(1 + data.length);
  input[0] = LEAF_PREFIX;
  input.set(data, 1);
  return sha256(input);
}

/** The same without a copy. @param room one byte, which is overwritten, and then the data. */
export function leafHashInPlace(room: Uint8Array): Bytes {
  room[0] = LEAF_PREFIX;
  return sha256(room);
}

/** RFC 6962 section 2.1: SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  requireHash(left, 'the left node');
  requireHash(right, 'the right node');
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/** RFC 6962 section 2.1: the root of a tree without leaves is SHA-256 of nothing. */
export function emptyRoot(): Bytes {
  return sha256(allocateBytes(0));
}

/** @throws hash_invalid where these are not the bytes of a digest. */
export function requireHash(hash: Uint8Array, what: string): void {
  if (hash.length !== HASH_BYTES) throw new TransparencyError('hash_invalid', `${what} has ${hash.length} bytes, a hash has ${HASH_BYTES}`);
}
