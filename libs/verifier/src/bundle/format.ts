/** Limits and record types of the bundle file. README.md describes the format byte by byte. */

export const MAGIC = Buffer.from('recant-bundle/v1\n');

/** Bytes of one record's payload. */
export const RECORD_BYTES_MAX = 1_048_576;
/** Type and length. */
export const HEADER_BYTES = 5;
/** Index in front of an entry's frame and of a dead letter's bytes. */
export const INDEX_BYTES = 8;
/** Bytes of a dead letter in one record; a longer message continues in the next. */
export const LETTER_BYTES_MAX = RECORD_BYTES_MAX - INDEX_BYTES;
/** Nesting of the JSON records. */
export const JSON_RECORD_DEPTH_MAX = 16;
/** Keys of one bundle: those in use and those rotated out. */
export const KEYS_MAX = 16;

export const RECORD_TYPES = ['M', 'K', 'L', 'P', 'C', 'E', 'D', 'S'] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

export interface BundleRecord {
  readonly type: RecordType;
  /** A view, valid until the next `push` to the parser. */
  readonly payload: Buffer;
}

export function encodeRecord(type: RecordType, ...payload: readonly Uint8Array[]): Buffer {
  const length = payload.reduce((sum, part) => sum + part.length, 0);
  if (length > RECORD_BYTES_MAX) throw new RangeError(`expected at most ${RECORD_BYTES_MAX} bytes in a record, got ${length}`);
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.write(type, 'latin1');
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, ...payload]);
}

export function encodeIndex(index: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(INDEX_BYTES);
  bytes.writeBigUInt64BE(index);
  return bytes;
}

export function entryRecord(index: bigint, frame: Uint8Array): Buffer {
  return encodeRecord('E', encodeIndex(index), frame);
}

/** One record, or several for a message over LETTER_BYTES_MAX. */
export function letterRecords(index: bigint, bytes: Uint8Array): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += LETTER_BYTES_MAX) {
    records.push(encodeRecord('D', encodeIndex(index), bytes.subarray(at, at + LETTER_BYTES_MAX)));
  }
  return records;
}
