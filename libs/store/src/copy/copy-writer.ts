/** Milliseconds from 1970 to 2000, the origin of PostgreSQL's binary timestamps. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
/** PGCOPY\n\377\r\n\0, flags, extension length. */
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const BYTES_INITIAL = 16_384;
/** Up to this length, writing characters one by one is faster than Buffer.write: 60 against 130 ns for an event id (2026-11). */
const SHORT_TEXT_LENGTH = 64;
const ASCII_MAX = 0x7f;

/**
 * Rows in PostgreSQL's binary COPY format (documentation of COPY, "Binary Format"). The caller writes the number of fields announced by `row`,
 * each of exactly its column's type: the server checks lengths, not types.
 */
export class CopyWriter {
  #buffer: Buffer;
  #at = 0;
  #rows = 0;

  /** @param bytesExpected initial size of the buffer, which grows as needed */
  constructor(bytesExpected = BYTES_INITIAL) {
    this.#buffer = Buffer.allocUnsafe(Math.max(BYTES_INITIAL, bytesExpected));
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

  boolean(value: boolean): void {
    this.#reserve(5);
    this.#at = this.#buffer.writeInt32BE(1, this.#at);
    this.#at = this.#buffer.writeUInt8(value ? 1 : 0, this.#at);
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

  /** @param value a safe integer */
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
    const written = this.#writeShort(value) ?? this.#buffer.write(value, this.#at + 4);
    this.#buffer.writeInt32BE(written, this.#at);
    this.#at += 4 + written;
  }

  /** @returns bytes written, or undefined for long or non-ASCII text */
  #writeShort(value: string): number | undefined {
    const { length } = value;
    if (length > SHORT_TEXT_LENGTH) return undefined;
    const start = this.#at + 4;
    for (let n = 0; n < length; n += 1) {
      const code = value.charCodeAt(n);
      if (code > ASCII_MAX) return undefined;
      this.#buffer[start + n] = code;
    }
    return length;
  }

  /** @param value 8-4-4-4-12 hexadecimal digits, not validated: other text becomes a wrong value of the same length */
  uuid(value: string): void {
    this.#reserve(20);
    this.#at = this.#buffer.writeInt32BE(16, this.#at);
    for (let n = 0; n < 36; n += 2) {
      if (value.charCodeAt(n) === DASH) n += 1;
      this.#buffer[this.#at++] = (nibble(value.charCodeAt(n)) << 4) | nibble(value.charCodeAt(n + 1));
    }
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

  /**
   * Two fields: a hash of the second field, then the second field, which is head ‖ body.
   * @param hash gets the second field with one spare byte before it; must not retain the buffer
   */
  hashed(head: Uint8Array, body: Uint8Array, hashBytes: number, hash: (room: Uint8Array) => Uint8Array): Uint8Array {
    const size = head.length + body.length;
    this.#reserve(8 + hashBytes + size);
    const from = this.#at + 8 + hashBytes;
    this.#buffer.set(head, from);
    this.#buffer.set(body, from + head.length);
    const digest = hash(this.#buffer.subarray(from - 1, from + size));
    this.#buffer.writeInt32BE(hashBytes, this.#at);
    this.#buffer.set(digest, this.#at + 4);
    this.#buffer.writeInt32BE(size, from - 4);
    this.#at = from + size;
    return digest;
  }

  null(): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeInt32BE(-1, this.#at);
  }

  /** All rows with header and trailer. The writer must not be used afterwards. */
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

const DASH = 0x2d;

/** Value of a hexadecimal digit by its character code; only letters have bit 6 set. */
function nibble(code: number): number {
  return (code & 0xf) + (code >> 6) * 9;
}
