import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { s3Checkpoints } from '@recant/anchors';
import { type TestBucket, testBucket, testLog } from '@recant/test-support';
import { expect, test } from 'vitest';
import { s3Anchor } from '../src/s3/anchor.ts';
import { endOf, keyOf, placeIn, placeOf } from '../src/s3/key.ts';

type Options = Partial<Parameters<typeof s3Checkpoints>[0]>;

async function read(bucket: Omit<TestBucket, 'put'>, options: Options = {}): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, note, savedAtMs = 0 } of s3Checkpoints({ ...bucket, clock: Date.now, ...options })) {
    expect(savedAtMs).toBeGreaterThan(0);
    names.push(`${name} ${Buffer.from(note).toString()}`);
  }
  return names;
}

test('lists every checkpoint under a prefix, newest first per log, and skips other objects', async () => {
  const bucket = await testBucket();
  const anchor = s3Anchor({ ...bucket, clock: Date.now });
  const logs = [testLog(), testLog(), testLog()];
  for (const log of logs) for (const size of [1, 9, 300, 12]) await anchor.put(log.checkpoint(size));
  const [first] = logs as [(typeof logs)[0]];
  const foreign = ['recant/0', 'recant/a%26b', `${placeOf('recant/', first.origin)}~note`, 'recant/zzz/0000000000000000001-5.checkpoint'];
  for (const key of foreign) await bucket.put(key, 'something');
  const place = (log: (typeof logs)[0]) => placeOf('recant/', log.origin);
  const expected = logs
    .toSorted((a, b) => (place(a) < place(b) ? -1 : 1))
    .flatMap((log) =>
      [300, 12, 9, 1].map((size) => `s3://${bucket.bucket}/${keyOf(place(log), BigInt(size))} ${Buffer.from(log.checkpoint(size).note)}`),
    );
  // For any page size.
  for (const pageMax of [1_000, 1, 3, 4]) expect(await read(bucket, { pageMax })).toEqual(expected);
  expect(await read(bucket, { prefix: place(first) })).toHaveLength(4);
  expect(await read(bucket, { prefix: 'elsewhere/' })).toEqual([]);
});

test('of a log with too many checkpoints only the newest are read, which is reported once', async () => {
  const bucket = await testBucket();
  const anchor = s3Anchor({ ...bucket, clock: Date.now });
  const [large, small] = [testLog('a.example'), testLog('b.example')];
  for (let size = 1; size <= 20; size += 1) await anchor.put(large.checkpoint(size));
  for (const size of [1, 2]) await anchor.put(small.checkpoint(size));
  for (const pageMax of [1_000, 4, 5, 6]) {
    const cut: string[] = [];
    const names = await read(bucket, { pageMax, ofLogMax: 5, onCut: (place) => cut.push(place) });
    expect(names.map((name) => /-(\d+)\.checkpoint /.exec(name)?.[1])).toEqual(['20', '19', '18', '17', '16', '2', '1']);
    expect(cut).toEqual([placeOf('recant/', large.origin)]);
  }
});

test('a wrong key or missing bucket is not an empty bucket', async () => {
  const bucket = await testBucket();
  await expect(read(bucket, { secretAccessKey: 'wrong' })).rejects.toMatchObject({ code: 'anchor_unavailable' });
  await expect(read(bucket, { bucket: 'test-not-there' })).rejects.toMatchObject({ code: 'anchor_unavailable' });
});

test('a server that repeats the same page ends the listing with an error', async () => {
  const server = createServer((_request, response) =>
    response.end('<ListBucketResult><Contents><Key>recant/a</Key></Contents></ListBucketResult>'),
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const account = { endpoint, region: 'r', bucket: 'some', accessKeyId: 'a', secretAccessKey: 'b' };
  await expect(read(account, { pageMax: 1 })).rejects.toMatchObject({
    code: 'anchor_unavailable',
    message: expect.stringContaining('same list page'),
  });
  server.close();
});

test('endOf sorts after all checkpoints of a place and before the next place', () => {
  const places = ['a', 'a/b', 'a~', 'b', 'a.b'].map((origin) => placeOf('p/', origin));
  for (const place of places) {
    const keys = [1n, 2n ** 63n - 1n].map((size) => keyOf(place, size));
    for (const key of keys) {
      expect(key < endOf(place)).toBe(true);
      expect(placeIn(key)).toBe(place);
      for (const other of places) if (!other.startsWith(place) && key < other) expect(endOf(place) < other).toBe(true);
    }
  }
  expect(placeIn('0000000000000000001-5.checkpoint')).toBeUndefined();
});
