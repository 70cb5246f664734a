import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decompress } from '../src/codecs/decompress.ts';
import { decodeRecordSet, RECORD_BATCH_BYTES_MAX } from '../src/record-set.ts';
import { batchOf, GZIP, LZ4, recordOf, SNAPPY, ZSTD } from './record-batch.ts';

const values = async (set: Buffer) => (await decodeRecordSet(set)).map(({ value }) => value?.toString());
const faults = async (set: Buffer) => (await decodeRecordSet(set)).map(({ undecodable }) => undecodable?.fault);
const good = batchOf({ first: 100n, values: ['after'] });
const frame = (blocks: readonly Buffer[]) => Buffer.concat([Buffer.from('04224d18604082', 'hex'), ...blocks, Buffer.alloc(4)]);
const block = (bytes: Buffer, raw = false) => {
  const head = Buffer.alloc(4);
  head.writeUInt32LE((bytes.length | (raw ? 0x80000000 : 0)) >>> 0);
  return Buffer.concat([head, bytes]);
};

describe('decompression', () => {
  // Written by python3-lz4 4.3 and python3-snappy 0.7: "recant " five times, then "!".
  const text = `${'recant '.repeat(5)}!`;
  const snappyRaw = Buffer.concat([
    Buffer.from([36, 6 << 2]),
    Buffer.from('recant '),
    Buffer.from([(27 << 2) | 2, 7, 0, 0]),
    Buffer.from('!'),
  ]);

  test.each([
    ['lz4', frame([block(Buffer.concat([Buffer.from([0x7f]), Buffer.from('recant '), Buffer.from([7, 0, 9, 0x10, 0x21])]))])],
    ['lz4', frame([block(Buffer.from(text), true)])],
    ['snappy', snappyRaw],
    ['gzip', zlib.gzipSync(text)],
    ['zstd', zlib.zstdCompressSync(text)],
  ] as const)('%s is decoded', async (codec, bytes) => {
    expect((await decompress(codec, bytes, 100)).toString()).toBe(text);
  });

  test.each([
    ['gzip', zlib.gzipSync(Buffer.alloc(50_000_000))],
    ['zstd', zlib.zstdCompressSync(Buffer.alloc(50_000_000))],
    ['lz4', frame([block(Buffer.concat([Buffer.from([0x1f, 0x61, 1, 0]), Buffer.alloc(60_000, 255), Buffer.from([0, 0x10, 0x21])]))])],
    ['snappy', Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), Buffer.alloc(10)])],
    ['snappy', Buffer.concat([Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]), Buffer.alloc(8), block32(snappyRaw, 200_000)])],
  ] as const)('a bomb in %s ends at the bound', async (codec, bytes) => {
    await expect(decompress(codec, bytes, RECORD_BATCH_BYTES_MAX)).rejects.toMatchObject({ fault: 'too_large' });
  });

  test('random and cut bytes are refused as such by every codec, never otherwise', async () => {
    const seed = Buffer.concat([frame([block(Buffer.from(text), true)]), snappyRaw, zlib.gzipSync(text), zlib.zstdCompressSync(text)]);
    for (let n = 0; n < 4_000; n += 1) {
      const from = (n * 7) % seed.length;
      const bytes = Buffer.from(seed.subarray(from, from + 1 + ((n * 13) % 60)));
      for (let k = 0; k < n % 4; k += 1) bytes[(n * (k + 3)) % bytes.length] = (n * 31 + k) & 255;
      for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
        if ((codec === 'gzip' || codec === 'zstd') && n % 20 !== 0) continue;
        const outcome = await decompress(codec, bytes, 10_000).catch((error: Error) => error.name);
        expect(outcome === 'BatchError' || Buffer.isBuffer(outcome)).toBe(true);
      }
    }
  });
});

describe('a record set', () => {
  test('batches of every codec are read in order', async () => {
    const set = Buffer.concat([
      batchOf({ first: 0n, values: ['a', 'b'] }),
      batchOf({ first: 2n, values: ['c'], codec: GZIP }),
      batchOf({ first: 3n, values: ['d'], codec: ZSTD }),
      batchOf({ first: 4n, values: ['e'], codec: LZ4 }),
      batchOf({ first: 5n, values: ['f'], codec: SNAPPY }),
    ]);
    expect(await values(set)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect((await decodeRecordSet(set)).map(({ offset }) => offset)).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  test('I4: an undecodable batch is one record over all its offsets, and the batches after it are read', async () => {
    const bad = batchOf({ first: 5n, values: ['x', 'y', 'z'], codec: GZIP });
    bad.fill(0xee, 70);
    const [record, after] = await decodeRecordSet(Buffer.concat([bad, good]));
    expect(record?.undecodable).toMatchObject({ first: 5n, last: 7n, fault: 'corrupt', size: bad.length });
    expect(record?.offset).toBe('7');
    expect(after?.value?.toString()).toBe('after');
  });

  const corrupt: Record<string, (batch: Buffer) => void> = {
    'an unknown codec': (batch) => batch.writeInt16BE(7, 21),
    'an old message format': (batch) => batch.writeInt8(1, 16),
    'a negative record count': (batch) => batch.writeInt32BE(-1, 57),
    'a record count above the records': (batch) => batch.writeInt32BE(40_000, 57),
    'a record count above the limit': (batch) => batch.writeInt32BE(2_000_000_000, 57),
    'a negative last offset': (batch) => batch.writeInt32BE(-5, 23),
    'a record length above the batch': (batch) => batch.fill(0xff, 61, 70),
    'a last offset below the records': (batch) => batch.writeInt32BE(0, 23),
  };
  test.each(Object.entries(corrupt))('%s is refused, and the next batch is read', async (_what, damage) => {
    const batch = batchOf({ first: 5n, values: ['x', 'y'] });
    damage(batch);
    const records = await decodeRecordSet(Buffer.concat([batch, good]));
    expect(records).toHaveLength(2);
    expect(records[0]?.undecodable).toBeDefined();
    expect(records[1]?.value?.toString()).toBe('after');
  });

  test('a batch over the limit is refused before it is decompressed', async () => {
    const large = batchOf({ first: 0n, values: ['x'.repeat(RECORD_BATCH_BYTES_MAX)] });
    expect(await faults(large)).toEqual(['too_large']);
    expect(await faults(batchOf({ first: 0n, values: ['x'.repeat(50_000_000)], codec: GZIP }))).toEqual(['too_large']);
  });

  test('one fetch decompresses a bounded amount; the next one goes on', async () => {
    const bomb = batchOf({ first: 0n, values: ['x'.repeat(50_000_000)], codec: GZIP });
    expect(await decodeRecordSet(Buffer.concat([bomb, bomb, good]))).toHaveLength(3);
    expect(await faults(Buffer.concat([...Array.from({ length: 20 }, () => bomb), good]))).toHaveLength(8);
    const half = batchOf({ first: 0n, values: ['x'.repeat(3_000_000)], codec: GZIP });
    expect(await decodeRecordSet(Buffer.concat([half, half, half, half]))).toHaveLength(2);
  });

  test('an incomplete last batch is left for the next fetch; offsets without a record are covered', async () => {
    expect(await values(Buffer.concat([good, good.subarray(0, good.length - 1)]))).toEqual(['after']);
    const compacted = batchOf({ first: 0n, values: ['a'], lastDelta: 9 });
    expect((await decodeRecordSet(compacted)).map(({ offset, isControlRecord }) => [offset, isControlRecord])).toEqual([
      ['0', false],
      ['9', true],
    ]);
    expect(await decodeRecordSet(batchOf({ first: 3n, values: [], lastDelta: 4 }))).toMatchObject([{ offset: '7', isControlRecord: true }]);
  });

  test('headers are bounded, and the first of a name counts', async () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`h${n}`, 'v']));
    const [record] = await decodeRecordSet(batchOf({ first: 0n, records: [recordOf(0, 'x', { ...many, ['n'.repeat(100)]: 'v' })] }));
    expect(Object.keys(record?.headers ?? {})).toHaveLength(64);
    const [long] = await decodeRecordSet(batchOf({ first: 0n, records: [recordOf(0, 'x', { a: 'v'.repeat(5_000), __proto: 'p' })] }));
    expect(Object.keys(long?.headers ?? {})).toEqual(['__proto']);
  });
});

function block32(bytes: Buffer, times: number): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat(Array.from({ length: times }, () => Buffer.concat([head, bytes])));
}
