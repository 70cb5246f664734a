import { createHash } from 'node:crypto';
import { BrokenRule } from '../rules.ts';
import { type BundleRecord, HEADER_BYTES, INDEX_BYTES, MAGIC, RECORD_BYTES_MAX, RECORD_TYPES, type RecordType } from './format.ts';

/** By code of the character. */
const TYPES: (RecordType | undefined)[] = new Array(256).fill(undefined);
for (const type of RECORD_TYPES) TYPES[type.charCodeAt(0)] = type;

/**
 * Cuts a bundle into records as its bytes come. Holds at most one record and one chunk: a length is judged before anything is kept for it.
 * Hashes every byte in front of the statement.
 */
export class RecordParser {
  #buffer: Buffer = Buffer.alloc(0);
  /** Of the buffer: start of what was not given out yet, and of what was not hashed yet. */
  #at = 0;
  #hashed = 0;
  #payloadAt = 0;
  #started = false;
  #digest: string | undefined;
  readonly #hash = createHash('sha256');

  push(chunk: Uint8Array): void {
    this.#hashTo(this.#at);
    const rest = this.#buffer.subarray(this.#at);
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#buffer = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    this.#at = 0;
    this.#hashed = 0;
  }

  /** Type of the next record; undefined where more bytes are needed. Its payload is what `payload` and `index` give until the next call. */
  next(): RecordType | undefined {
    if (!this.#started && !this.#start()) return undefined;
    const buffer = this.#buffer;
    const start = this.#at;
    if (buffer.length - start < HEADER_BYTES) return undefined;
    const type = TYPES[buffer[start] as number];
    const length = buffer.readUInt32BE(start + 1);
    if (type === undefined) throw new BrokenRule('format', `no record is of type 0x${buffer.toString('hex', start, start + 1)}`);
    if (length > RECORD_BYTES_MAX) throw new BrokenRule('format', `a record of ${length} bytes is over ${RECORD_BYTES_MAX}`);
    const end = start + HEADER_BYTES + length;
    if (end > buffer.length) return undefined;
    if (type === 'S' && this.#digest === undefined) {
      this.#hashTo(start);
      this.#digest = this.#hash.digest('hex');
    }
    this.#payloadAt = start + HEADER_BYTES;
    this.#at = end;
    return type;
  }

  /** A view: its memory is that of the pieces given. @param from bytes to leave out. */
  payload(from = 0): Buffer {
    return this.#buffer.subarray(this.#payloadAt + from, this.#at);
  }

  /** What an entry or a dead letter begins with. @throws BrokenRule */
  index(): bigint {
    if (this.#at - this.#payloadAt < INDEX_BYTES) throw new BrokenRule('format', 'an entry or a dead letter without an index');
    return this.#buffer.readBigUInt64BE(this.#payloadAt);
  }

  /** Bytes that are no whole record. */
  get rest(): number {
    return this.#buffer.length - this.#at;
  }

  /** Lower-case hex SHA-256 of every byte in front of the statement, once that was given. */
  get digest(): string {
    if (this.#digest === undefined) throw new Error('there was no statement yet');
    return this.#digest;
  }

  #start(): boolean {
    const found = this.#buffer.subarray(0, MAGIC.length);
    if (!found.equals(MAGIC.subarray(0, found.length))) throw new BrokenRule('version', 'the file does not begin with recant-bundle/v1');
    if (found.length < MAGIC.length) return false;
    this.#started = true;
    this.#at = MAGIC.length;
    return true;
  }

  #hashTo(end: number): void {
    if (this.#digest === undefined && end > this.#hashed) this.#hash.update(this.#buffer.subarray(this.#hashed, end));
    this.#hashed = end;
  }
}

/** All records of a bundle that fits in memory, views of its bytes. For tools and tests. */
export function splitRecords(bytes: Uint8Array): readonly BundleRecord[] {
  const parser = new RecordParser();
  parser.push(bytes);
  const records: BundleRecord[] = [];
  for (let type = parser.next(); type !== undefined; type = parser.next()) records.push({ type, payload: parser.payload() });
  if (parser.rest > 0 || records.length === 0) throw new BrokenRule('truncated', 'the file ends within a record');
  return records;
}
