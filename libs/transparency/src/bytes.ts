import { allocateBytes, type Bytes } from '#crypto';

/** Always returns a copy, even of a single part. */
export function concatBytes(parts: readonly Uint8Array[]): Bytes {
  const bytes = allocateBytes(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Not constant-time: for public values only. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

/** Big-endian. */
export function encodeUint(value: bigint, length: number): Bytes {
  const bytes = allocateBytes(length);
  let rest = value;
  for (let at = length - 1; at >= 0; at -= 1) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** Big-endian. */
export function decodeUint(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
