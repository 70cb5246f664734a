import { BatchError } from './batch-error.ts';

/** Decompressed bytes: grows by doubling, up to a limit. */
export class Output {
  readonly #bytesMax: number;
  #buffer = Buffer.allocUnsafe(65_536);
  #size = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  /** Copies `length` bytes from `distance` bytes ago; the copy may overlap itself. @throws BatchError `corrupt` before the first byte */
  repeat(distance: number, length: number): void {
    const from = this.#size - distance;
    if (distance === 0 || from < 0) throw new BatchError('corrupt', 'a copy starts before the first byte');
    this.#reserve(length);
    const buffer = this.#buffer;
    if (distance >= length) buffer.copyWithin(this.#size, from, from + length);
    else for (let n = 0; n < length; n += 1) buffer[this.#size + n] = buffer[from + n] as number;
    this.#size += length;
  }

  get size(): number {
    return this.#size;
  }

  /** @throws BatchError `too_large` unless `length` more bytes fit */
  require(length: number): void {
    if (this.#size + length > this.#bytesMax) throw new BatchError('too_large', `over ${this.#bytesMax} bytes when decompressed`);
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  #reserve(length: number): void {
    this.require(length);
    const needed = this.#size + length;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, Math.min(2 * this.#buffer.length, this.#bytesMax)));
    grown.set(this.#buffer.subarray(0, this.#size));
    this.#buffer = grown;
  }
}
