import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Anchor, AnchorError } from '@recant/ledger';
import { testBucket, testLog } from '@recant/test-support';
import { afterEach, expect, test } from 'vitest';
import { s3Anchor } from '../src/s3/anchor.ts';
import { isKeyOf, keyOf, placeOf } from '../src/s3/key.ts';

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: AnchorError) => `${error.code}: ${error.message}`,
  );

test('returns the newest checkpoint of each log, in any order of puts', async () => {
  const anchor = s3Anchor({ ...(await testBucket()), clock: Date.now });
  const log = testLog();
  const other = testLog();
  expect(await anchor.latest(log.origin)).toBeUndefined();
  for (const size of [1, 255, 70_000 % 512, 9, 256]) await anchor.put(log.checkpoint(size));
  await anchor.put(other.checkpoint(3));
  expect(Buffer.from((await anchor.latest(log.origin)) as Uint8Array)).toEqual(Buffer.from(log.checkpoint(368).note));
  expect(Buffer.from((await anchor.latest(other.origin)) as Uint8Array)).toEqual(Buffer.from(other.checkpoint(3).note));
  expect(await anchor.latest(`${log.origin}1`)).toBeUndefined();
});

test('the same tree again changes nothing; another tree of the same size is a conflict and is not stored', async () => {
  const anchor = s3Anchor({ ...(await testBucket()), clock: Date.now });
  const log = testLog();
  await anchor.put(log.checkpoint(5));
  await anchor.put(log.checkpoint(5));
  expect(await codeOf(anchor.put(log.fork(2).checkpoint(5)))).toMatch(/^anchor_conflict: .*another tree of 5 entries/);
  expect(Buffer.from((await anchor.latest(log.origin)) as Uint8Array)).toEqual(Buffer.from(log.checkpoint(5).note));
});

test('a wrong key, missing bucket, wrong clock and unreachable store are named, with advice and without secrets', async () => {
  const bucket = await testBucket();
  const checkpoint = testLog().checkpoint(1);
  const secretAccessKey = 'a secret that must not be shown';
  const wrong = [
    { over: { secretAccessKey }, says: /403 SignatureDoesNotMatch: correct the secret access key/ },
    { over: { accessKeyId: 'somebody' }, says: /403 InvalidAccessKeyId: correct the access key id/ },
    { over: { bucket: 'test-not-there' }, says: /404 NoSuchBucket: create the bucket/ },
    { over: { clock: () => Date.now() - 3_600_000 }, says: /403 RequestTimeTooSkewed: correct the clock/ },
    { over: { endpoint: await closedPort() }, says: /is unreachable \(connect ECONNREFUSED/ },
  ];
  for (const { over, says } of wrong) {
    const anchor = s3Anchor({ ...bucket, clock: Date.now, ...over });
    for (const work of [() => anchor.put(checkpoint), () => anchor.latest(checkpoint.origin)]) {
      const said = await codeOf(work());
      expect(said).toMatch(/^anchor_unavailable/);
      expect(said).toMatch(says);
      expect(said).not.toContain(secretAccessKey);
    }
  }
});

test('foreign objects neither hide the newest checkpoint nor pass for one', async () => {
  const bucket = await testBucket();
  const anchor = s3Anchor({ ...bucket, clock: Date.now });
  const log = testLog();
  const place = placeOf('recant/', log.origin);
  await bucket.put(`${place}000`, 'something');
  expect(await codeOf(anchor.latest(log.origin))).toMatch(/anchor_unavailable: .* are not checkpoints/);
  await anchor.put(log.checkpoint(4));
  expect(Buffer.from((await anchor.latest(log.origin)) as Uint8Array)).toEqual(Buffer.from(log.checkpoint(4).note));
  await bucket.put(keyOf(place, 6n), 'no checkpoint');
  expect(await codeOf(anchor.put(log.checkpoint(6)))).toMatch(/anchor_unavailable: .* is not a checkpoint: restore/);
});

let answering: ReturnType<typeof createServer> | undefined;
afterEach(() => answering?.close());

/** An address without a listener. */
async function closedPort(): Promise<string> {
  const url = await stub(200, '');
  await new Promise((done) => answering?.close(done));
  return url;
}

/** Gives the same answer to every request. */
const stub = (status: number, body: string, headers: Record<string, string> = {}): Promise<string> =>
  serve((_request, response) => response.writeHead(status, headers).end(body));

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  answering = server;
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.for([
  ['a page of a portal', 200, '<html>please log in</html>', {}],
  ['a redirect', 307, '', { location: 'http://127.0.0.1:1/' }],
  ['an endless answer', 200, 'x'.repeat(3_000_000), {}],
  ['a server error', 503, '<Error><Code>SlowDown</Code></Error>', {}],
] as const)('%s does not count as an empty bucket', async ([, status, body, headers]) => {
  const account = { region: 'r', bucket: 'some', accessKeyId: 'a', secretAccessKey: 'b', clock: Date.now };
  const anchor: Anchor = s3Anchor({ ...account, endpoint: await stub(status, body, headers) });
  expect(await codeOf(anchor.latest('o'))).toMatch(/^anchor_unavailable/);
});

test('a store without conditional writes is read before it is written', async () => {
  const kept = new Map<string, string>();
  const endpoint = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const key = request.url ?? '';
      if (request.headers['if-none-match'] !== undefined) return response.writeHead(501).end('<Error><Code>NotImplemented</Code></Error>');
      if (request.method === 'PUT') kept.set(key, Buffer.concat(chunks).toString());
      const body = kept.get(key);
      return body === undefined ? response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>') : response.end(body);
    });
  });
  const anchor = s3Anchor({ endpoint, region: 'r', bucket: 'some', accessKeyId: 'a', secretAccessKey: 'b', clock: Date.now });
  const log = testLog();
  await anchor.put(log.checkpoint(2));
  expect([...kept.values()]).toEqual([Buffer.from(log.checkpoint(2).note).toString()]);
  expect(await codeOf(anchor.put(log.fork(0).checkpoint(2)))).toMatch(/^anchor_conflict/);
});

test('no origin leads to keys of another place', () => {
  const origins = ['a/b', 'a/b/', 'a//b', 'a%2Fb', '../a', 'a/../b', 'a/./b', '.a/b', 'a=2Fb', 'ä/b', 'a\u0000/b', 'a?b#c', 'A/b', ''];
  const places = origins.map((origin) => placeOf('p/', origin));
  expect(new Set(places).size).toBe(origins.length);
  for (const place of places) {
    expect(place).toMatch(/^p\/[A-Za-z0-9=_.\-/]+\/$/);
    expect(new URL(`http://h/${keyOf(place, 7n)}`).pathname).toBe(`/${keyOf(place, 7n)}`);
    expect(isKeyOf(place, keyOf(place, 7n))).toBe(true);
    expect(places.filter((other) => isKeyOf(other, keyOf(place, 7n)))).toEqual([place]);
  }
  expect(isKeyOf('p/', `p/${'0'.repeat(19)}-7.checkpoint`)).toBe(false);
});
