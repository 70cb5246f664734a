import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PROBLEM_MEDIA_TYPE, problemOf } from '@recant/api';
import { ApiError, type Client, ConnectionError, createClient, everyItem } from '@recant/client';
import { afterEach, expect, test } from 'vitest';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function against(answer: RequestListener, timeoutMs = 5_000): Promise<Client> {
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return createClient({ url: `http://127.0.0.1:${(started.address() as AddressInfo).port}/`, apiKey: 'recant_abcd_x', timeoutMs });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );

test('a problem document is thrown with its code, status and advice', async () => {
  const problem = problemOf('overloaded', 'Full.');
  const client = await against((_request, response) =>
    response.writeHead(429, { 'content-type': PROBLEM_MEDIA_TYPE, 'retry-after': '3' }).end(JSON.stringify(problem)),
  );
  const error = (await failureOf(client.logs())) as ApiError;
  expect(error).toBeInstanceOf(ApiError);
  expect({ code: error.code, status: error.status, after: error.retryAfterSeconds, known: error.known }).toEqual({
    code: 'overloaded',
    status: 429,
    after: 3,
    known: true,
  });
  expect(error.message).toBe(`Full. ${problem.action}`);
});

test.each<[string, RequestListener]>([
  ['a page of something else', (_request, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>')],
  ['an answer that is no JSON', (_request, response) => response.writeHead(200).end('hello')],
  ['a redirect', (_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  ['a connection that ends', (request) => request.socket.destroy()],
  ['no answer in time', () => {}],
])('%s is a ConnectionError that says where', async (_what, answer) => {
  const client = await against(answer, 200);
  const error = (await failureOf(client.logs())) as Error;
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error.message).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/ does not answer \(.+\): check the address/);
});

test('sends the events of a batch byte for byte, and parameters encoded', async () => {
  const seen: string[] = [];
  const client = await against(async (request, response) => {
    seen.push(`${request.method} ${request.url} ${await bodyOf(request)}`);
    response.writeHead(200).end('{"receipts":[],"items":[],"tail":""}');
  });
  await client.submitBatch([Buffer.from('{"a":1}'), Buffer.from('{"b":"\\u00e9"}')]);
  await client.attempts({ agent: ['a b', 'c&d'], from: '2h' }, { limit: 5 });
  await client.action('a/b');
  expect(seen).toEqual([
    'POST /v1/events {"a":1}\n{"b":"\\u00e9"}',
    'GET /v1/attempts?agent=a+b&agent=c%26d&from=2h&limit=5 ',
    'GET /v1/actions/a%2Fb ',
  ]);
});

test('every item of all pages is returned once, and pages are requested as needed', async () => {
  const asked: (string | undefined)[] = [];
  const pages = everyItem(async (cursor) => {
    asked.push(cursor);
    const place = Number(cursor ?? 0);
    const items = [place * 2, place * 2 + 1];
    if (place === 2) return { items };
    return { items, next: String(place + 1) };
  });
  expect((await pages.next()).value).toBe(0);
  expect(asked).toEqual([undefined]);
  const rest: number[] = [];
  for await (const item of pages) rest.push(item);
  expect(rest).toEqual([1, 2, 3, 4, 5]);
});
