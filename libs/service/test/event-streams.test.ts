import { createHash, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { route } from '@recant/api';
import { formatApiKey } from '@recant/events';
import type { Metrics } from '@recant/metrics';
import {
  createApp,
  createLogger,
  createRouter,
  type EventStream,
  handle,
  type Listening,
  listen,
  STREAM_LIMITS,
  type StreamLimits,
} from '@recant/service';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';

const secret = new Uint8Array(32).fill(7);
const key = (keyId: string) => formatApiKey({ keyId, secret });
/** Key ids are `<tenant>_<n>`. */
const keyring = {
  async find(keyId: string) {
    const credential = { tenant: keyId.slice(0, 2), keyId, roles: ['view' as const], sourcePrefix: 'recant://', agents: [], resources: [] };
    return { credential, secretHash: createHash('sha256').update(secret).digest(), macSecret: secret };
  },
};
const acts = { order: async () => async () => {}, refused: () => {}, close: async () => {} };
const watch = route({
  operationId: 'watch',
  method: 'get',
  path: '/v1/watch',
  tag: 't',
  summary: 's',
  roles: ['view'],
  responses: { 200: { description: 'it', schema: z.object({ n: z.int() }), mediaType: 'text/event-stream', events: true } },
  errors: ['too_many_streams'],
});

let listening: Listening | undefined;
afterEach(() => listening?.close(0));

async function serve(make: () => EventStream, streams?: StreamLimits, metrics?: Metrics): Promise<string> {
  const router = createRouter('t', [handle(watch, async () => ({ status: 200, body: make() }))]);
  const logger = createLogger({ name: 't', level: 'silent' });
  const described = { title: 't', version: '1', routers: [router], health: {}, requestId: randomUUID };
  const app = createApp({ ...described, keyring, acts, logger, ...(streams && { streams }), ...(metrics && { metrics }) });
  listening = await listen(app, { host: '127.0.0.1', port: 0 });
  return `${listening.url}/v1/watch`;
}

const open = (url: string, keyId = 't1aa', signal?: AbortSignal) =>
  fetch(url, { headers: { authorization: `Bearer ${key(keyId)}` }, ...(signal && { signal }) });

/** One event, then silence until the signal. */
function silent(durationMs = 1_000_000) {
  const closed = Promise.withResolvers<void>();
  let sent = 0;
  const next: EventStream['next'] = (signal) =>
    new Promise((resolve) => {
      sent += 1;
      if (sent === 1) return resolve({ id: '1', data: '{"n":1}' });
      if (signal.aborted) return resolve(undefined);
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
  return { closed: closed.promise, make: (): EventStream => ({ durationMs, next, close: closed.resolve }) };
}

test('a stop of the listener ends open streams at once, and the answer is complete', async () => {
  const { make, closed } = silent();
  const url = await serve(make);
  const response = await open(url);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  await listening?.close(1_000_000);
  expect(await response.text()).toBe('retry: 1000\n\nid: 1\ndata: {"n":1}\n\n');
  await closed;
});

test('a closed connection ends its stream; 0 ms are the events that are there, without a place; HEAD has none', async () => {
  const { make, closed } = silent();
  const gone = new AbortController();
  const url = await serve(make);
  await open(url, 't1aa', gone.signal);
  gone.abort();
  await closed;
  await listening?.close(0);

  const full = { streams: 0, streamsOfTenant: 0, streamsOfKey: 0 };
  const once = await serve(() => silent(0).make(), full);
  expect(await (await open(once)).text()).toContain('data: {"n":1}');
  await listening?.close(0);

  const head = silent();
  const response = await fetch(await serve(head.make), { method: 'HEAD', headers: { authorization: `Bearer ${key('t1aa')}` } });
  expect(response.status).toBe(200);
  await head.closed;
});

test('streams of a caller, of a tenant and of the process are bounded, and a stream that ends gives its place back', async () => {
  const url = await serve(() => silent().make(), { streams: 4, streamsOfTenant: 3, streamsOfKey: 2 });
  const refused = async (keyId: string) => {
    const response = await open(url, keyId);
    const { code, detail } = (await response.json()) as { code: string; detail: string };
    return [response.status, code, response.headers.get('retry-after'), detail];
  };
  const gone = new AbortController();
  for (const keyId of ['t1aa', 't1aa', 't1bb'])
    expect((await open(url, keyId, keyId === 't1bb' ? gone.signal : undefined)).status).toBe(200);
  expect(await refused('t1aa')).toEqual([429, 'too_many_streams', '5', 'This caller has 2 open event streams, as many as it may.']);
  expect(await refused('t1cc')).toEqual([429, 'too_many_streams', '5', 'This tenant has 3 open event streams, as many as it may.']);
  expect((await open(url, 't2aa')).status).toBe(200);
  expect(await refused('t3aa')).toEqual([429, 'too_many_streams', '5', 'This service has 4 open event streams, as many as it may.']);
  gone.abort();
  await expect.poll(async () => (await open(url, 't3aa')).status).toBe(200);
});

test('a reader that reads nothing gets nothing more queued, and is cut off when its stream ends', async () => {
  const pulledMax = 200;
  let pulled = 0;
  const [stalled, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const data = JSON.stringify('x'.repeat(1_048_576));
  const url = new URL(
    await serve(() => ({
      durationMs: 1_000_000,
      async next(signal) {
        pulled += 1;
        if (pulled === 2) stalled.resolve();
        return signal.aborted || pulled > pulledMax ? undefined : { id: String(pulled), data };
      },
      close: closed.resolve,
    })),
  );
  const socket = connect(Number(url.port), url.hostname).on('error', () => {});
  socket.pause();
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key('t1aa')}\r\n\r\n`);
  await stalled.promise;
  await listening?.close(1_000_000);
  await closed.promise;
  expect(pulled).toBeLessThan(pulledMax);
  socket.destroy();
});

test('open streams are a metric; a client that ends its stream is no aborted request, and streams have no duration', async () => {
  const counted: unknown[] = [];
  const sources: Parameters<Metrics['source']>[0][] = [];
  const metrics: Metrics = {
    add: (name, value, labels) => void (value > 0 && counted.push([name, labels])),
    record: (name) => void counted.push(name),
    source: (read) => void sources.push(read),
    text: async () => '',
  };
  const streams = async () => {
    const found = new Map<string, number>();
    for (const read of sources) await read((name, value) => void found.set(name, value));
    return [found.get('recant_event_streams'), found.get('recant_event_streams_limit')];
  };
  const { make, closed } = silent();
  const url = await serve(make, STREAM_LIMITS, metrics);
  const gone = new AbortController();
  await open(url, 't1aa', gone.signal);
  expect(await streams()).toEqual([1, 512]);
  gone.abort();
  await closed;
  expect(await streams()).toEqual([0, 512]);
  expect(counted).toEqual([['recant_http_requests_total', { operation: 'watch', status: '2xx' }]]);
});
