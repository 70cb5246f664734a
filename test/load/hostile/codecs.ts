import zlib from 'node:zlib';
import kafkajs from 'kafkajs';

const { CompressionTypes } = kafkajs;

/** How a hostile producer compresses a batch, or pretends to. */
export interface Codec {
  readonly name: string;
  readonly type: number;
  compress(records: Buffer): Buffer;
}

const BLOCK_BYTES = 16_000;
/** Twice what the ledger decompresses of one batch. */
const BOMB_BYTES = 8_388_608;

function* blocksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) yield bytes.subarray(at, at + BLOCK_BYTES);
}

/** LZ4 frame of uncompressed blocks. */
function lz4(bytes: Buffer): Buffer {
  const blocks = Array.from(blocksOf(bytes), (block) => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE((block.length | 0x80000000) >>> 0);
    return Buffer.concat([head, block]);
  });
  return Buffer.concat([Buffer.from('04224d18604082', 'hex'), ...blocks, Buffer.alloc(4)]);
}

/** Java framing of blocks of one literal each. @param claimed what each block says that it decompresses to */
function snappy(bytes: Buffer, claimed?: number): Buffer {
  const blocks = Array.from(blocksOf(bytes), (block) => {
    const tag = Buffer.from([61 << 2, (block.length - 1) & 255, (block.length - 1) >> 8]);
    const plain = Buffer.concat([uvarint(claimed ?? block.length), tag, block]);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(plain.length);
    return Buffer.concat([size, plain]);
  });
  return Buffer.concat([Buffer.from('82534e41505059000000000100000001', 'hex'), ...blocks]);
}

function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

const varint = (value: number): Buffer => uvarint(value < 0 ? -2 * value - 1 : 2 * value);

/** One record with a long value of zeros, whatever was to be sent. */
function bomb(): Buffer {
  const body = Buffer.concat([Buffer.from([0]), varint(0), varint(0), varint(-1), varint(BOMB_BYTES), Buffer.alloc(BOMB_BYTES), varint(0)]);
  return Buffer.concat([varint(body.length), body]);
}
const GZIP_BOMB = zlib.gzipSync(bomb());
const ZSTD_BOMB = zlib.zstdCompressSync(bomb());

const fast = { level: 1 };
const plain = (name: string): Codec => ({ name, type: CompressionTypes.None, compress: (records) => records });
const gzip: Codec = { name: 'gzip', type: CompressionTypes.GZIP, compress: (records) => zlib.gzipSync(records, fast) };
const zstd: Codec = { name: 'zstd', type: CompressionTypes.ZSTD, compress: (records) => zlib.zstdCompressSync(records) };

export const CODECS = {
  none: plain('none'),
  gzip,
  zstd,
  snappy: { name: 'snappy', type: CompressionTypes.Snappy, compress: (records) => snappy(records) },
  lz4: { name: 'lz4', type: CompressionTypes.LZ4, compress: lz4 },
  gzipBomb: { name: 'gzip bomb', type: CompressionTypes.GZIP, compress: () => GZIP_BOMB },
  zstdBomb: { name: 'zstd bomb', type: CompressionTypes.ZSTD, compress: () => ZSTD_BOMB },
  snappyClaim: { name: 'snappy that claims 2 GB', type: CompressionTypes.Snappy, compress: (records) => snappy(records, 2_000_000_000) },
  notGzip: { name: 'bytes that are not gzip', type: CompressionTypes.GZIP, compress: (records) => records },
} as const satisfies Record<string, Codec>;

/** A bomb stands for a batch of one message. */
export const isBomb = (codec: Codec): boolean => codec === CODECS.gzipBomb || codec === CODECS.zstdBomb;
