import { allocateBytes, type Bytes, sha256 } from '#crypto';
import { TransparencyError } from './error.ts';

/** Bytes of a SHA-256 digest: leaf, node and root hashes. */
export const HASH_BYTES = 32;

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** One buffer for all nodes, because hashing is synchronous and does not retain its input. */
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES);
nodeInput[0] = NODE_PREFIX;

/** RFC 6962 section 2.1: SHA-256(0x00 ‖ data). */
export function leafHash(data: Uint8Array): Bytes {
  const input = allocateBytes(1 + data.length);
  input[0] = LEAF_PREFIX;
  input.set(data, 1);
  return sha256(input);
}

/** `leafHash` without a copy. @param room one byte, which is overwritten, followed by the data */
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

/** RFC 6962 section 2.1: the root of the empty tree is the SHA-256 of an empty string. */
export function emptyRoot(): Bytes {
  return sha256(allocateBytes(0));
}

/** @throws hash_invalid unless the hash has HASH_BYTES bytes */
export function requireHash(hash: Uint8Array, what: string): void {
  if (hash.length !== HASH_BYTES)
    throw new TransparencyError('hash_invalid', `${what}: expected a hash of ${HASH_BYTES} bytes, got ${hash.length}`);
}
