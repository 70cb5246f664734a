import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PROBLEM_MEDIA_TYPE, problemOf, type RunProgressView } from '@recant/api';
import { type Client, createClient } from '@recant/client';
import { afterEach, expect, test } from 'vitest';
import { eventsOf } from '../src/server-events.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function against(answer: RequestListener): Promise<Client> {
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return createClient({ url: `http://127.0.0.1:${(started.address() as AddressInfo).port}`, apiKey: 'recant_abcd_x' });
}

const snapshot = (steps: number, state = 'running') => ({ run: 'r', state, steps }) as RunProgressView;
const event = (id: string, progress: RunProgressView): string => `id: ${id}\ndata: ${JSON.stringify(progress)}\n\n`;
const stream = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' });
const refuse = (response: ServerResponse, code: Parameters<typeof problemOf>[0]) => {
  const problem = problemOf(code, 'no');
  response.writeHead(problem.status, { 'content-type': PROBLEM_MEDIA_TYPE, 'retry-after': '0' }).end(JSON.stringify(problem));
};
async function all(client: Client, options = {}): Promise<number[]> {
  const seen: number[] = [];
  for await (const { steps } of client.followRun('r', options)) seen.push(steps);
  return seen;
}

test('a stream that ends or breaks is resumed with the id of its last event, until the run has ended', async () => {
  const asked: unknown[] = [];
  const client = await against(({ headers, url }, response) => {
    asked.push([url, headers['last-event-id'], headers.accept]);
    if (asked.length === 1) return void stream(response).end(`retry: 1\n\n:\n\n${event('1', snapshot(1))}${event('2', snapshot(2))}`);
    // Breaks in the middle of an event, which does not count.
    if (asked.length === 2) return void stream(response).write(`${event('3', snapshot(3))}id: 4\ndata: {`, () => response.destroy());
    if (asked.length === 3) return refuse(response, 'store_unavailable');
    stream(response).end(event('4', snapshot(4, 'finished')));
  });
  expect(await all(client)).toEqual([1, 2, 3, 4]);
  const path = '/v1/runs/r/progress';
  const accept = 'text/event-stream';
  expect(asked).toEqual([
    [path, undefined, accept],
    [path, '2', accept],
    [path, '3', accept],
    [path, '3', accept],
  ]);
});

test('a run that ended before the stream was resumed ends the iteration', async () => {
  let asked = 0;
  const client = await against((_request, response) => {
    asked += 1;
    if (asked === 1) return void stream(response).end(event('1', snapshot(1)));
    response.writeHead(204).end();
  });
  expect(await all(client)).toEqual([1]);
});

test('where streams are refused it polls, and repeats nothing', async () => {
  let polls = 0;
  const client = await against(({ url = '', headers }, response) => {
    if (!url.endsWith('?seconds=0')) return refuse(response, 'too_many_streams');
    polls += 1;
    if (headers['last-event-id'] === '1' && polls < 3) return void stream(response).end();
    stream(response).end(polls === 1 ? event('1', snapshot(1)) : event('2', snapshot(2, 'cancelled')));
  });
  expect(await all(client, { pollMs: 1 })).toEqual([1, 2]);
  expect(polls).toBe(3);
});

test('streams that break twice in a row are polled instead', async () => {
  const client = await against(({ url = '' }, response) => {
    if (url.endsWith('?seconds=0')) return void stream(response).end(event('1', snapshot(1, 'finished')));
    stream(response).write(':\n\n', () => response.destroy());
  });
  expect(await all(client)).toEqual([1]);
});

test('a refusal that does not pass, and no answer for too long, are thrown; a signal ends the iteration', async () => {
  let asked = 0;
  const client = await against((_request, response) => {
    asked += 1;
    if (asked === 1) return void stream(response).end(event('1', snapshot(1)));
    refuse(response, 'unauthenticated');
  });
  await expect(all(client)).rejects.toMatchObject({ problem: { code: 'unauthenticated' } });

  const away = await against((_request, response) => void response.destroy());
  await expect(all(away, { awayMs: 0 })).rejects.toMatchObject({ name: 'ConnectionError' });

  const watching = new AbortController();
  const hanging = await against((_request, response) => void stream(response).write(event('1', snapshot(1))));
  const seen: number[] = [];
  for await (const { steps } of hanging.followRun('r', { signal: watching.signal })) {
    seen.push(steps);
    watching.abort();
  }
  expect(seen).toEqual([1]);
});

test('breaking the iteration closes the connection', async () => {
  const closed = Promise.withResolvers<void>();
  const client = await against((_request, response) => {
    response.once('close', () => closed.resolve());
    stream(response).write(event('1', snapshot(1)));
  });
  for await (const _progress of client.followRun('r')) break;
  await closed.promise;
});

test('events are put together from pieces of any size, and an endless one is refused', async () => {
  async function* pieces(text: string, size: number) {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const found = async (text: string, size: number) => {
    const events: unknown[] = [];
    for await (const each of eventsOf(pieces(text, size))) events.push(each);
    return events;
  };
  const text = 'id: 1\r\ndata: "é"\r\n\r\n: beat\nid:2\ndata:a\ndata: b\nother: x\ndata\n\nid: 3\n\ndata: lost';
  for (const size of [1, 2, 3, 7, 1_000])
    expect(await found(text, size)).toEqual([
      { id: '1', data: '"é"' },
      { id: '2', data: 'a\nb\n' },
    ]);
  await expect(found(`data: ${'x'.repeat(2_000_000)}`, 65_536)).rejects.toThrow(/more than 1048576 characters/);
  await expect(found(`data: ${'x'.repeat(60_000)}\n`.repeat(20), 65_536)).rejects.toThrow(/more than 1048576 characters/);
});
