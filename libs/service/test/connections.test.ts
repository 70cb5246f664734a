import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { limitConnections, requireRoom } from '../src/connections.ts';

const LIMITS = { shared: 8, reserved: 3 };
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

/** Answers 200 to callers that have room; `/operator` is one. */
const app: RequestListener = (request, response) => {
  try {
    requireRoom(request.socket, request.url === '/operator');
    response.end('in');
  } catch (error) {
    response.writeHead(503).end((error as { code: string }).code);
  }
};

async function start(): Promise<number> {
  const server = createServer(app);
  limitConnections(server, LIMITS);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
  return (server.address() as AddressInfo).port;
}

async function dial(port: number, from = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  open.push({ close: () => void socket.destroy() });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

function ask(socket: Socket, path: string): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (bytes) => resolve(/^HTTP\/1.1 (\d+)/.exec(bytes.toString())?.[1] ?? ''));
    socket.once('close', () => resolve('closed'));
    socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
  });
}

test('V7: one address has at most half of the connections; another address and an operator are let in', async () => {
  const port = await start();
  const flood: Socket[] = [];
  for (let n = 0; n < 7; n += 1) flood.push(await dial(port));
  const answers: string[] = [];
  for (const socket of flood) answers.push(await ask(socket, '/'));
  expect(answers).toEqual(['200', '200', '200', '200', '503', '503', '503']);
  expect(await ask(await dial(port, '127.0.0.2'), '/')).toBe('200');
  expect(await ask(await dial(port), '/operator')).toBe('200');
});

test('V7: an unproven reserved connection makes room for a newer one, an operator’s stays', async () => {
  const port = await start();
  for (let n = 0; n < 4; n += 1) await dial(port);
  const operator = await dial(port);
  expect(await ask(operator, '/operator')).toBe('200');
  const idle = [await dial(port), await dial(port)];
  const closed = new Promise((resolve) => (idle[0] as Socket).once('close', resolve));
  idle[0]?.resume();
  const second = await dial(port);
  await closed;
  expect(await ask(second, '/operator')).toBe('200');
  expect(await ask(operator, '/operator')).toBe('200');
});

test('V7: closed connections give their room back', async () => {
  const port = await start();
  for (let round = 0; round < 5; round += 1) {
    const socket = await dial(port);
    expect(await ask(socket, '/')).toBe('200');
    await new Promise((resolve) => socket.once('close', resolve).destroy());
  }
  const sockets: Socket[] = [];
  for (let n = 0; n < 4; n += 1) sockets.push(await dial(port));
  expect(await Promise.all(sockets.map((socket) => ask(socket, '/')))).toEqual(['200', '200', '200', '200']);
});
