import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpWitnessOptions } from '@recant/anchors';
import type { AnchorError } from '@recant/ledger';
import { testLog } from '@recant/test-support';
import { cosigner, decodeAddCheckpoint, encodeCosignatures, formatVerifierKey, parseNote, signText } from '@recant/transparency';
import { afterEach, expect, test } from 'vitest';
import { httpWitness } from '../src/witness/http-witness.ts';

interface Reply {
  status?: number;
  type?: string;
  body?: Uint8Array | string;
}

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A witness with scripted answers; `asked` are the old sizes in its requests. */
async function lying(answer: (request: ReturnType<typeof decodeAddCheckpoint>, count: number) => Reply | undefined) {
  const seed = randomBytes(32);
  const asked: bigint[] = [];
  const made = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const decoded = decodeAddCheckpoint(Buffer.concat(chunks));
      asked.push(decoded.sizeBefore);
      const reply = answer(decoded, asked.length);
      if (reply) response.writeHead(reply.status ?? 200, { 'content-type': reply.type ?? 'text/plain' }).end(reply.body);
    });
  });
  server = made;
  await new Promise<void>((done) => made.listen(0, '127.0.0.1', done));
  const vkey = formatVerifierKey(cosigner('test.example/w', seed, 1n).key);
  const url = `http://127.0.0.1:${(made.address() as AddressInfo).port}/prefix/`;
  const witness = (over: Partial<HttpWitnessOptions> = {}) => httpWitness({ url, vkey, clock: () => 1_000_000, ...over });
  const cosigned = (note: Uint8Array, { name = 'test.example/w', key = seed, seconds = 1_000n } = {}) =>
    signText(parseNote(note).text, cosigner(name, key, seconds));
  return { witness, cosigned, asked };
}

const errorOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => `accepted ${JSON.stringify(value)}`,
    (error: AnchorError) => `${error.code}: ${error.message}`,
  );

const log = testLog();
const none = async () => [];

test('returns cosignatures of the configured key only', async () => {
  const { witness, cosigned } = await lying(({ checkpoint }) => ({
    body: encodeCosignatures([cosigned(checkpoint, { name: 'test.example/x', key: randomBytes(32) }), cosigned(checkpoint)]),
  }));
  const lines = await witness().cosign(log.origin, log.checkpoint(4), none);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\u2014 test\.example\/w [A-Za-z0-9+/]+=*$/);
});

test.for<[string, (made: Awaited<ReturnType<typeof lying>>, note: Uint8Array) => Reply, RegExp]>([
  [
    'another key of its name',
    ({ cosigned }, note) => ({ body: encodeCosignatures([cosigned(note, { key: randomBytes(32) })]) }),
    /no cosignature/,
  ],
  ['another tree', ({ cosigned }) => ({ body: encodeCosignatures([cosigned(log.checkpoint(3).note)]) }), /does not verify/],
  ['the future', ({ cosigned }, note) => ({ body: encodeCosignatures([cosigned(note, { seconds: 1_301n })]) }), /dated in the future/],
  ['nothing', () => ({ body: '' }), /malformed signatures/],
  ['garbage', () => ({ body: '\u0000\u0001\n' }), /control character/],
  ['no UTF-8', () => ({ body: new Uint8Array([0xff, 0x0a]) }), /not UTF-8/],
  ['too much', () => ({ body: 'x'.repeat(2_000_000) }), /at most 1000000 bytes/],
  ['a page', () => ({ status: 409, type: 'text/html', body: '5\n' }), /409 with "text\/html"/],
  ['no size', () => ({ status: 409, type: 'text/x.tlog.size', body: '05\n' }), /expected a decimal number/],
  ['a long size', () => ({ status: 409, type: 'text/x.tlog.size', body: `${'9'.repeat(40)}\n` }), /at most 20/],
  ['the same size', () => ({ status: 409, type: 'text/x.tlog.size', body: '0\n' }), /but returned the same size/],
  [
    'a larger size',
    () => ({ status: 409, type: 'text/x.tlog.size', body: '9\n' }),
    /has cosigned 9 entries .* restored from an older copy/,
  ],
  ['that it does not know the log', () => ({ status: 404 }), /give its operator this ledger’s vkey/],
  ['that it does not know the key', () => ({ status: 403 }), /give its operator this ledger’s vkey/],
  ['a redirect', () => ({ status: 307 }), /status 307/],
  ['an error', () => ({ status: 500, body: 'no' }), /status 500/],
])('rejects an answer of a witness with %s', async ([, answer, says]) => {
  const made: Awaited<ReturnType<typeof lying>> = await lying(({ checkpoint }) => answer(made, checkpoint));
  const error = await errorOf(made.witness().cosign(log.origin, log.checkpoint(4), none));
  expect(error).toMatch(/^anchor_unavailable: /);
  expect(error).toMatch(says);
});

test('a rejected consistency proof is a conflict', async () => {
  const { witness } = await lying(() => ({ status: 422 }));
  expect(await errorOf(witness().cosign(log.origin, log.checkpoint(4), none))).toMatch(/^anchor_conflict: /);
});

test('limits requests and time', async () => {
  const fickle = await lying((_, count) => ({ status: 409, type: 'text/x.tlog.size', body: `${count}\n` }));
  const proof = (size: bigint) => log.proof(size, 100);
  expect(await errorOf(fickle.witness().cosign(log.origin, log.checkpoint(100), proof))).toMatch(/different size for each request/);
  expect(fickle.asked).toEqual([0n, 1n, 2n]);
  server?.close();
  const silent = await lying(() => undefined);
  expect(await errorOf(silent.witness({ timeoutMs: 50 }).cosign(log.origin, log.checkpoint(4), none))).toMatch(/no answer within 50 ms/);
});
