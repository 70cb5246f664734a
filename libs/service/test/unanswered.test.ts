import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { limitUnanswered } from '../src/unanswered.ts';

/** A server that answers when it is told to. */
async function start() {
  const waiting: ServerResponse[] = [];
  const server = createServer(limitUnanswered((_request, response) => void waiting.push(response), { all: 8, each: 2 }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    waiting,
    answerAll() {
      for (const response of waiting.splice(0)) response.end('in');
    },
    /** A connection on which that many requests are sent at once. */
    async send(requests: number) {
      const socket = connect(port, '127.0.0.1').setEncoding('latin1');
      onTestFinished(() => void socket.destroy());
      const closed = once(
        socket.on('error', () => {}),
        'close',
      );
      await once(socket, 'connect');
      const answers = { count: 0 };
      socket.on('data', (text: string) => {
        answers.count += text.split('HTTP/1.1 200').length - 1;
      });
      ask(socket, requests);
      return { socket, closed, answers };
    },
  };
}

const ask = (socket: Socket, requests: number) => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(requests));

test('a connection that pipelines more than the process may hold is closed, whatever else came with it', async () => {
  const { waiting, send } = await start();
  const { closed } = await send(1_000);
  await closed;
  expect(waiting.length).toBe(8);
});

test('while others’ pipelines wait, a connection with few requests is answered', async () => {
  const { waiting, answerAll, send } = await start();
  const flood = await send(8);
  await expect.poll(() => waiting.length).toBe(8);
  const few = await send(2);
  await expect.poll(() => waiting.length).toBe(10);
  const many = await send(3);
  await many.closed;
  // The two that were taken before the third.
  expect(waiting.length).toBe(12);
  answerAll();
  await expect.poll(() => [flood.answers.count, few.answers.count]).toEqual([8, 2]);
});

test('what was answered, and what a closed connection leaves, makes room', async () => {
  const { waiting, answerAll, send } = await start();
  const first = await send(8);
  await expect.poll(() => waiting.length).toBe(8);
  answerAll();
  await expect.poll(() => first.answers.count).toBe(8);
  ask(first.socket, 8);
  await expect.poll(() => waiting.length).toBe(8);
  first.socket.destroy();
  await expect.poll(() => waiting.every(({ destroyed }) => destroyed)).toBe(true);
  waiting.length = 0;
  const second = await send(8);
  await expect.poll(() => waiting.length).toBe(8);
  answerAll();
  await expect.poll(() => second.answers.count).toBe(8);
});
