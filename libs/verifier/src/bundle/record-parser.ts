import { createHash } from 'node:crypto';
import { BrokenRule } from '../rules.ts';
import { type BundleRecord, HEADER_BYTES, INDEX_BYTES, MAGIC, RECORD_BYTES_MAX, RECORD_TYPES, type RecordType } from './format.ts';

/** Indexed by character code. */
const TYPES: (RecordType | undefined)[] = new Array(256).fill(undefined);
for (const type of RECORD_TYPES) TYPES[type.charCodeAt(0)] = type;

const NOTHING = Buffer.alloc(0);

/**
 * Splits a bundle into records as its bytes arrive. Buffers at most one record and one chunk; a length is checked before anything is buffered for
 * it. Hashes every byte before the statement.
 */
export class RecordParser {
  #buffer: Buffer = NOTHING;
  /** Bytes after the buffer. Chunks are not copied, except for a record that spans two of them. */
  #after: Buffer = NOTHING;
  /** Offsets in the buffer: first byte not yet returned, first byte not yet hashed. */
  #at = 0;
  #hashed = 0;
  #payloadAt = 0;
  #started = false;
  #digest: string | undefined;
  readonly #hash = createHash('sha256');

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const rest = Buffer.concat([this.#buffer.subarray(this.#at), this.#after]);
    const missing = this.#missing(rest, bytes);
    this.#use(missing === 0 ? rest : Buffer.concat([rest, bytes.subarray(0, missing)]));
    this.#after = bytes.subarray(missing);
  }

  /** Type of the next record; undefined where more bytes are needed. `payload` and `index` refer to it until the next call. */
  next(): RecordType | undefined {
    if (this.#at === this.#buffer.length && this.#after.length > 0) {
      this.#use(this.#after);
      this.#after = NOTHING;
    }
    if (!this.#started && !this.#start()) return undefined;
    const buffer = this.#buffer;
    const start = this.#at;
    if (buffer.length - start < HEADER_BYTES) return undefined;
    const type = TYPES[buffer[start] as number];
    const length = buffer.readUInt32BE(start + 1);
    if (type === undefined) throw new BrokenRule('format', `unknown record type 0x${buffer.toString('hex', start, start + 1)}`);
    if (length > RECORD_BYTES_MAX) throw new BrokenRule('format', `expected at most ${RECORD_BYTES_MAX} bytes in a record, got ${length}`);
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

  /** A view of the pushed chunks. @param from leading bytes to skip. */
  payload(from = 0): Buffer {
    return this.#buffer.subarray(this.#payloadAt + from, this.#at);
  }

  /** Index at the start of an entry or a dead letter. @throws BrokenRule */
  index(): bigint {
    if (this.#at - this.#payloadAt < INDEX_BYTES) throw new BrokenRule('format', 'an entry or a dead letter has no index');
    return this.#buffer.readBigUInt64BE(this.#payloadAt);
  }

  /** Bytes that do not make a whole record. */
  get rest(): number {
    return this.#buffer.length - this.#at + this.#after.length;
  }

  /** SHA-256 of every byte before the statement, lower-case hex. Available once `next` has returned the statement. */
  get digest(): string {
    if (this.#digest === undefined) throw new Error('the statement was not read yet');
    return this.#digest;
  }

  /** Bytes of the chunk that complete the record begun in `rest`. */
  #missing(rest: Buffer, bytes: Buffer): number {
    if (rest.length === 0) return 0;
    const head = rest.length >= HEADER_BYTES ? rest : Buffer.concat([rest, bytes.subarray(0, HEADER_BYTES)]);
    if (!this.#started || head.length < HEADER_BYTES) return bytes.length;
    const end = HEADER_BYTES + head.readUInt32BE(1);
    return Math.min(bytes.length, Math.max(0, end - rest.length));
  }

  #use(buffer: Buffer): void {
    this.#hashTo(this.#at);
    this.#buffer = buffer;
    this.#at = 0;
    this.#hashed = 0;
  }

  #start(): boolean {
    const found = this.#buffer.subarray(0, MAGIC.length);
    if (!found.equals(MAGIC.subarray(0, found.length)))
      throw new BrokenRule('version', 'expected recant-bundle/v1 at the start of the file, got other bytes');
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

/** All records of a bundle in memory, as views of its bytes. */
export function splitRecords(bytes: Uint8Array): readonly BundleRecord[] {
  const parser = new RecordParser();
  parser.push(bytes);
  const records: BundleRecord[] = [];
  for (let type = parser.next(); type !== undefined; type = parser.next()) records.push({ type, payload: parser.payload() });
  if (parser.rest > 0 || records.length === 0) throw new BrokenRule('truncated', 'the file ends inside a record');
  return records;
}
