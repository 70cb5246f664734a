import type { Bytes } from '#crypto';
import { concatBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { HASH_BYTES, requireHash } from '../hash.ts';
import { ENTRY_BYTES_MAX, TILE_WIDTH } from '../limits.ts';

/** C2SP tlog-tiles: the concatenated hashes of a tile. */
export function encodeTile(hashes: readonly Uint8Array[]): Bytes {
  requireWidth(hashes.length);
  for (const hash of hashes) requireHash(hash, 'a hash of the tile');
  return concatBytes(hashes);
}

/** Returns views into `bytes`. @param width from the tile's path. @throws truncated, trailing_bytes */
export function decodeTile(bytes: Uint8Array, width: number): Uint8Array[] {
  requireWidth(width);
  requireLength(bytes, width * HASH_BYTES, `a tile of ${width} hashes`);
  return Array.from({ length: width }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** C2SP tlog-tiles: each entry prefixed with its length as a big-endian uint16. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Bytes {
  requireWidth(entries.length);
  const parts = entries.flatMap((entry) => {
    if (entry.length > ENTRY_BYTES_MAX)
      throw new TransparencyError('too_large', `an entry is too large: expected at most ${ENTRY_BYTES_MAX} bytes, got ${entry.length}`);
    return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry];
  });
  return concatBytes(parts);
}

/** Returns views into `bytes`. @param width from the bundle's path. @throws truncated, trailing_bytes */
export function decodeEntryBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  requireWidth(width);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < width) {
    const [high, low] = bytes.subarray(at, at + 2);
    if (high === undefined || low === undefined) throw truncated(`entry ${entries.length} of ${width} has no length`);
    const end = at + 2 + ((high << 8) | low);
    if (end > bytes.length) throw truncated(`entry ${entries.length} of ${width} exceeds the bundle`);
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  requireLength(bytes, at, `a bundle of ${width} entries`);
  return entries;
}

function requireWidth(width: number): void {
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new TransparencyError('malformed', `invalid width of a tile: expected 1 to ${TILE_WIDTH}, got ${width}`);
  }
}

function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length < length) throw truncated(`${what} is truncated: expected ${length} bytes, got ${bytes.length}`);
  if (bytes.length > length) throw new TransparencyError('trailing_bytes', `${bytes.length - length} bytes after ${what}`);
}

const truncated = (detail: string) => new TransparencyError('truncated', detail);
