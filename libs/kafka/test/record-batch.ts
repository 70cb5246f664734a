import zlib from 'node:zlib';

export const GZIP = 1;
export const SNAPPY = 2;
export const LZ4 = 3;
export const ZSTD = 4;

const compressors: Readonly<Record<number, (bytes: Buffer) => Buffer>> = {
  0: (bytes) => bytes,
  [GZIP]: (bytes) => zlib.gzipSync(bytes),
  [SNAPPY]: (bytes) => {
    const literal = Buffer.from([bytes.length, (bytes.length - 1) << 2]);
    return Buffer.concat([literal, bytes]);
  },
  [LZ4]: (bytes) => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE((bytes.length | 0x80000000) >>> 0);
    return Buffer.concat([Buffer.from('04224d18604082', 'hex'), head, bytes, Buffer.alloc(4)]);
  },
  [ZSTD]: (bytes) => zlib.zstdCompressSync(bytes),
};

export interface BatchOptions {
  readonly first: bigint;
  readonly values?: readonly string[];
  readonly records?: readonly Buffer[];
  readonly codec?: number;
  readonly lastDelta?: number;
}

/** A record batch as a broker stores it, without its checksum. Short batches only for Snappy (one literal). */
export function batchOf({ first, values = [], codec = 0, lastDelta, records }: BatchOptions): Buffer {
  const all = records ?? values.map((value, n) => recordOf(n, value));
  const body = (compressors[codec] as (bytes: Buffer) => Buffer)(Buffer.concat(all));
  const head = Buffer.alloc(61);
  head.writeBigInt64BE(first, 0);
  head.writeInt32BE(49 + body.length, 8);
  head.writeInt8(2, 16);
  head.writeInt16BE(codec, 21);
  head.writeInt32BE(lastDelta ?? all.length - 1, 23);
  head.writeBigInt64BE(-1n, 43);
  head.writeInt32BE(all.length, 57);
  return Buffer.concat([head, body]);
}

export function recordOf(delta: number, value: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const names = Object.entries(headers).flatMap(([name, text]) => [sized(name), sized(text)]);
  const body = Buffer.concat([Buffer.from([0]), varint(0), varint(delta), varint(-1), sized(value), varint(names.length / 2), ...names]);
  return Buffer.concat([varint(body.length), body]);
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
