import { expect, test } from 'vitest';
import { CODECS } from './codecs.ts';
import { BODIES, ENVELOPES, isRecorded, KINDS } from './kinds.ts';

test('the flood has 100 kinds: every body in every envelope, every codec, sizes, keys and batches of all lengths', () => {
  expect(new Set(KINDS.map(({ body, envelope }) => `${body} in ${envelope}`)).size).toBe(BODIES.length * ENVELOPES.length);
  expect(KINDS).toHaveLength(100);
  expect(new Set(KINDS.map(({ codec }) => codec.name))).toEqual(new Set(Object.values(CODECS).map(({ name }) => name)));
  expect(new Set(KINDS.map(({ recordKey }) => recordKey)).size).toBe(4);
  expect(Math.max(...KINDS.map(({ size }) => size))).toBe(900_000);
  expect(new Set(KINDS.map(({ messages }) => messages))).toEqual(new Set([1, 12, 20]));
  // Of the valid ones at least one batch is readable, so that what must be recorded is counted.
  const readable = ['none', 'gzip', 'zstd', 'snappy', 'lz4'];
  expect(KINDS.some((kind) => isRecorded(kind) && readable.includes(kind.codec.name))).toBe(true);
});

test('compressed forms are what they say, bombs and lies excepted', () => {
  const records = Buffer.from('a record'.repeat(5_000));
  for (const { name, compress } of [CODECS.gzip, CODECS.zstd, CODECS.snappy, CODECS.lz4])
    expect(compress(records).equals(records), name).toBe(false);
  for (const bomb of [CODECS.gzipBomb, CODECS.zstdBomb]) expect(bomb.compress().length).toBeLessThan(20_000);
});
