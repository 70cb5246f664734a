/** Milliseconds between 1970 and 2000, where PostgreSQL's binary timestamps begin. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
/** PGCOPY\n\377\r\n\0, flags, extension length. */
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const BYTES_INITIAL = 65_536;

/**
 * Rows in PostgreSQL's binary COPY format (documentation of COPY, "Binary Format"). The caller writes as many fields as the row was begun with,
 * each of exactly its column's type: the server checks lengths, not meaning.
 */
export class CopyWriter {
  #buffer = Buffer.allocUnsafe(BYTES_INITIAL);
  #at = 0;
  #rows = 0;

  constructor() {
    this.#at = HEADER.copy(this.#buffer);
  }

  get rows(): number {
    return this.#rows;
  }

  row(fields: number): void {
    this.#reserve(2);
    this.#at = this.#buffer.writeInt16BE(fields, this.#at);
    this.#rows += 1;
  }

  int16(value: number): void {
    this.#reserve(6);
    this.#at = this.#buffer.writeInt32BE(2, this.#at);
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
  }

  int32(value: number): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeInt32BE(4, this.#at);
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }

  /** @param value a whole number of at most 2^53 in size. */
  int64(value: number): void {
    this.#reserve(12);
    this.#at = this.#buffer.writeInt32BE(8, this.#at);
    const high = Math.floor(value / 2 ** 32);
    this.#at = this.#buffer.writeInt32BE(high, this.#at);
    this.#at = this.#buffer.writeUInt32BE(value - high * 2 ** 32, this.#at);
  }

  /** @param ms milliseconds since 1970, UTC. */
  timestamp(ms: number): void {
    this.int64((ms - POSTGRES_EPOCH_MS) * 1000);
  }

  text(value: string): void {
    this.#reserve(4 + value.length * 3);
    const written = this.#buffer.write(value, this.#at + 4);
    this.#buffer.writeInt32BE(written, this.#at);
    this.#at += 4 + written;
  }

  /** @param value 36 characters; anything that is not hexadecimal is the server's to refuse, so the length is kept right. */
  uuid(value: string): void {
    this.#reserve(20);
    this.#buffer.writeInt32BE(16, this.#at);
    this.#buffer.write(value.replaceAll('-', ''), this.#at + 4, 16, 'hex');
    this.#at += 20;
  }

  hex(value: string): void {
    this.bytes(Buffer.from(value, 'hex'));
  }

  bytes(value: Uint8Array): void {
    this.#reserve(4 + value.length);
    this.#at = this.#buffer.writeInt32BE(value.length, this.#at);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  null(): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeInt32BE(-1, this.#at);
  }

  /** All rows with header and trailer. The writer must not be used after it. */
  finish(): Buffer {
    this.#reserve(2);
    this.#at = this.#buffer.writeInt16BE(-1, this.#at);
    return this.#buffer.subarray(0, this.#at);
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}
