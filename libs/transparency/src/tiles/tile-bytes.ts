import type { Bytes } from '#crypto';
import { concatBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { HASH_BYTES, requireHash } from '../hash.ts';
import { ENTRY_BYTES_MAX, TILE_WIDTH } from '../limits.ts';

/** C2SP tlog-tiles: a tile's hashes, one after another. */
export function encodeTile(hashes: readonly Uint8Array[]): Bytes {
  requireWidth(hashes.length);
  for (const hash of hashes) requireHash(hash, 'a hash of the tile');
  return concatBytes(hashes);
}

/** Views into `bytes`. @param width as the tile's path says. @throws truncated, trailing_bytes */
export function decodeTile(bytes: Uint8Array, width: number): Uint8Array[] {
  requireWidth(width);
  requireLength(bytes, width * HASH_BYTES, `a tile of ${width} hashes`);
  return Array.from({ length: width }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** C2SP tlog-tiles: each entry behind its length, a big-endian uint16. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Bytes {
  requireWidth(entries.length);
  const parts = entries.flatMap((entry) => {
    if (entry.length > ENTRY_BYTES_MAX)
      throw new TransparencyError('too_large', `an entry of ${entry.length} bytes is over ${ENTRY_BYTES_MAX}`);
    return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry];
  });
  return concatBytes(parts);
}

/** Views into `bytes`. @param width as the bundle's path says. @throws truncated, trailing_bytes */
export function decodeEntryBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  requireWidth(width);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < width) {
    const [high, low] = bytes.subarray(at, at + 2);
    if (high === undefined || low === undefined) throw truncated(`entry ${entries.length} of ${width} has no length`);
    const end = at + 2 + ((high << 8) | low);
    if (end > bytes.length) throw truncated(`entry ${entries.length} of ${width} ends after the bundle`);
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  requireLength(bytes, at, `a bundle of ${width} entries`);
  return entries;
}

function requireWidth(width: number): void {
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new TransparencyError('malformed', `a tile holds 1 to ${TILE_WIDTH} hashes, not ${width}`);
  }
}

function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length < length) throw truncated(`${what} has ${bytes.length} of ${length} bytes`);
  if (bytes.length > length) throw new TransparencyError('trailing_bytes', `${bytes.length - length} bytes after ${what}`);
}

const truncated = (detail: string) => new TransparencyError('truncated', detail);
