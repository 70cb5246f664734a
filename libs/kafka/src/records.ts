import { BatchError } from './codecs/batch-error.ts';

/** Records of one batch: a smallest record has 7 bytes on the wire and several hundred in memory. */
const RECORDS_MAX = 50_000;
/** Headers of one record; more, or longer ones, are dropped. Recant's own are five. */
const HEADERS_MAX = 64;
const HEADER_NAME_BYTES_MAX = 64;
const HEADER_VALUE_BYTES_MAX = 1_024;

export interface DecodedRecord {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

export interface RecordRange {
  readonly count: number;
  /** Offsets of the batch, inclusive. */
  readonly first: bigint;
  readonly last: bigint;
}

/** Decodes the records of a batch (Kafka protocol, "Record", format 2). Values are views. @throws BatchError */
export function decodeRecords(bytes: Buffer, { count, first, last }: RecordRange): DecodedRecord[] {
  if (count < 0) throw new BatchError('corrupt', `${count} records`);
  if (count > RECORDS_MAX) throw new BatchError('too_large', `${count} records, expected at most ${RECORDS_MAX}`);
  const reader = new RecordReader(bytes);
  const records: DecodedRecord[] = [];
  let previous = -1;
  for (let n = 0; n < count; n += 1) {
    const end = reader.length() + reader.at;
    reader.skip(1);
    reader.varint();
    const delta = reader.varint();
    if (delta <= previous || BigInt(delta) > last - first)
      throw new BatchError('corrupt', `offset ${delta} after ${previous} within the batch`);
    previous = delta;
    const key = reader.bytes();
    const value = reader.bytes();
    const headers = readHeaders(reader);
    if (reader.at !== end) throw new BatchError('corrupt', `a record ends at byte ${reader.at}, expected ${end}`);
    records.push({ offset: (first + BigInt(delta)).toString(), key, value, headers });
  }
  return records;
}

/** The first value of each name. */
function readHeaders(reader: RecordReader): Record<string, Buffer> {
  const headers: Record<string, Buffer> = Object.create(null);
  const count = reader.length();
  for (let n = 0; n < count; n += 1) {
    const name = reader.bytes();
    const value = reader.bytes();
    if (n >= HEADERS_MAX || name === null || value === null) continue;
    if (name.length > HEADER_NAME_BYTES_MAX || value.length > HEADER_VALUE_BYTES_MAX) continue;
    headers[name.toString()] ??= value;
  }
  return headers;
}

class RecordReader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(count: number): void {
    if (this.at + count > this.#bytes.length) throw new BatchError('corrupt', 'a record is cut');
    this.at += count;
  }

  /** Zigzag, at most 64 bits. Exact up to 2^53; only timestamps are larger. */
  varint(): number {
    let value = 0;
    for (let scale = 1, n = 0; ; scale *= 128, n += 1) {
      const byte = this.#bytes[this.at];
      if (byte === undefined || n === 10) throw new BatchError('corrupt', 'a number in a record is cut');
      this.at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }

  /** A length or count; each counted thing has at least one byte. */
  length(): number {
    const length = this.varint();
    if (length < 0 || this.at + length > this.#bytes.length) throw new BatchError('corrupt', `a length of ${length} in a record`);
    return length;
  }

  /** null for length -1 */
  bytes(): Buffer | null {
    const length = this.varint();
    if (length === -1) return null;
    if (length < 0 || this.at + length > this.#bytes.length) throw new BatchError('corrupt', `a length of ${length} in a record`);
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }
}
