import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { testCertificate } from '@recant/test-support';
import { afterEach, expect, test } from 'vitest';
import { post, WebhookError } from '../src/webhooks/post.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

async function urlOf(server: Server, scheme: string): Promise<URL> {
  servers.push(server.on('connection', (socket) => void sockets.push(socket)));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return new URL(`${scheme}://127.0.0.1:${(server.address() as { port: number }).port}/T0/secret-path`);
}
const served = (listener: RequestListener) => urlOf(createServer(listener), 'http');
const LIMITS = { connectMs: 200, wholeMs: 400 };
const sent = (url: URL, signal?: AbortSignal) =>
  post(url, { 'content-type': 'application/json' }, '{}', signal, LIMITS).catch((error: unknown) => {
    if (!(error instanceof WebhookError)) throw error;
    return error.message;
  });

test('an answer counts by its status, however late, large or broken its body is', async () => {
  const late = await served((_, outgoing) => void outgoing.writeHead(200).write('begun'));
  expect(await sent(late)).toEqual({ status: 200, text: 'begun' });
  const large = await served((_, outgoing) => void outgoing.writeHead(429, { 'retry-after': '7' }).end('x'.repeat(1_000_000)));
  expect(await sent(large)).toEqual({ status: 429, text: 'x'.repeat(4_096), retryAfterMs: 7_000 });
  const broken = await served((_, outgoing) => {
    outgoing.writeHead(202, { 'content-length': '100' }).write('part', () => outgoing.destroy());
  });
  expect(await sent(broken)).toEqual({ status: 202, text: 'part' });
  const odd = await served((_, outgoing) => void outgoing.writeHead(503, { 'retry-after': 'Wed, 21 Oct 2099 07:28:00 GMT' }).end());
  expect(await sent(odd)).toEqual({ status: 503, text: '' });
});

test('without an answer the reason is one line without the address', async () => {
  const silent = createTcpServer((socket) => void socket.on('error', () => undefined));
  const url = await urlOf(silent, 'http');
  expect(await sent(url)).toBe('no answer within 400 ms');
  const closing = await urlOf(
    createTcpServer((socket) => void socket.destroy()),
    'http',
  );
  expect(await sent(closing)).toBe('connection closed without an answer');
  const noHttp = await urlOf(
    createTcpServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.9\r\n')),
    'http',
  );
  expect(await sent(noHttp)).toMatch(/^Parse Error: [^\n]*$/);
  const flood = await served((_, outgoing) => void outgoing.writeHead(200, { huge: 'x'.repeat(100_000) }).end());
  expect(await sent(flood)).toMatch(/^Parse Error: Header overflow$/);
});

test('a host that accepts a connection and no TLS, and one with an untrusted certificate, are refused in time', async () => {
  const noTls = await urlOf(createTcpServer(), 'https');
  expect(await sent(noTls)).toBe('no connection within 200 ms');
  let reached = false;
  const { cert, key } = testCertificate('somebody');
  const untrusted = await urlOf(
    createTlsServer({ cert, key }, (_, outgoing) => {
      reached = true;
      outgoing.end();
    }),
    'https',
  );
  expect(await sent(untrusted)).toMatch(/self-signed certificate/);
  expect(reached).toBe(false);
});

test('a stop ends a request at once, with its own reason', async () => {
  const hanging = await served(() => undefined);
  const stop = new AbortController();
  const work = sent(hanging, stop.signal);
  stop.abort(new Error('stopped'));
  await expect(work).rejects.toThrow('stopped');
});
