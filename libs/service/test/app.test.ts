import { createHash, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { ANY_MEDIA_TYPE, ApiFault, route } from '@recant/api';
import { formatApiKey, type Role } from '@recant/events';
import { createByteBudget } from '@recant/queues';
import { type ActRecorder, createApp, createLogger, createRouter, handle, type Listening, listen } from '@recant/service';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { checkHealth } from '../src/health.ts';

const secret = new Uint8Array(32).fill(7);
const key = (keyId: string) => formatApiKey({ keyId, secret });
const roles: Record<string, Role[]> = { owner: ['view'], view: ['view'], root: ['administer'], emit: ['emit'] };
const keyring = {
  async find(keyId: string) {
    if (keyId === 'away') throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    const credential = {
      tenant: keyId === 'owner' ? 'recant' : 't',
      keyId,
      roles: roles[keyId] ?? [],
      sourcePrefix: 'recant://',
      agents: [],
      resources: [],
    };
    return keyId in roles ? { credential, secretHash: createHash('sha256').update(secret).digest(), macSecret: secret } : undefined;
  },
};

const answer = { 200: { description: 'it', schema: z.object({ n: z.int(), names: z.array(z.string()) }) } };
const echo = route({
  operationId: 'echo',
  method: 'post',
  path: '/v1/echo/{n}',
  tag: 't',
  summary: 's',
  roles: ['view', 'administer'],
  params: z.object({ n: z.int() }),
  query: z.object({ name: z.array(z.string()).optional(), loud: z.boolean().optional() }),
  body: { kind: 'json', schema: z.object({ text: z.string() }), bytesMax: 1_000 },
  responses: answer,
});
const fail = route({
  operationId: 'fail',
  method: 'get',
  path: '/v1/fail/{how}',
  tag: 't',
  summary: 's',
  roles: 'public',
  params: z.object({ how: z.string() }),
  responses: { 204: { description: 'never' } },
});

const raw = route({
  operationId: 'raw',
  method: 'post',
  path: '/v1/raw',
  tag: 't',
  summary: 's',
  roles: 'public',
  body: { kind: 'raw', bytesMax: 100, content: { [ANY_MEDIA_TYPE]: z.string() } },
  responses: {
    200: { description: 'the same', mediaType: 'text/x.same' },
    409: { description: 'none', mediaType: 'application/octet-stream' },
  },
});

let listening: Listening | undefined;
let lines: string[] = [];
/** Recorded acts, in order; a test can make recording fail. */
let recorded: string[] = [];
let recordFails: Error | undefined;
const acts: ActRecorder = {
  async order({ tenant, operation, actor, object, reason }) {
    if (recordFails) throw recordFails;
    const why = reason === undefined ? '' : ` because ${reason}`;
    recorded.push(`ordered ${operation} ${JSON.stringify(object)} by ${actor.id} of ${tenant}${why}`);
    return async (end) => void recorded.push(`ended ${end.outcome}${end.outcome === 'done' ? '' : ` ${end.code}`}`);
  },
  refused: ({ tenant, code, operation, actor }) => void recorded.push(`refused ${operation} ${code} to ${actor?.id} of ${tenant}`),
  async close() {},
};
afterEach(async () => {
  await listening?.close(1_000);
  lines = [];
  recorded = [];
  recordFails = undefined;
});

async function serve(budget = createByteBudget()): Promise<string> {
  const held = Promise.withResolvers<void>();
  const router = createRouter('t', [
    handle(echo, async ({ params, query, body }) => {
      recorded.push('carried out');
      if (body.text === 'break') throw new Error('broken');
      if (body.text === 'refuse') throw new ApiFault('key_unknown', 'None.');
      if (body.text === 'hold') await held.promise;
      if (body.text === 'release') held.resolve();
      return { status: 200, body: { n: params.n, names: query.name ?? [] } };
    }),
    handle(raw, async ({ body }) => (body.bytes.length === 0 ? { status: 409, body: '' } : { status: 200, body: body.bytes })),
    handle(fail, async ({ params }) => {
      if (params.how === 'store') throw Object.assign(new Error('secret detail'), { code: '57P01' });
      if (params.how === 'disk') throw new Error('secret detail', { cause: { code: '53100' } });
      if (params.how === 'fault') throw new ApiFault('overloaded', 'Full.', { retryAfterSeconds: 7 });
      throw new Error('secret detail');
    }),
  ]);
  const logger = createLogger({ name: 't', level: 'debug', destination: { write: (line) => void lines.push(line) } });
  const health = { one: async () => ({ status: 'ok' as const }), two: async () => Promise.reject(new Error('broken')) };
  const app = createApp({ title: 't', version: '1', routers: [router], keyring, acts, logger, health, requestId: randomUUID, budget });
  listening = await listen(app, { host: '127.0.0.1', port: 0 });
  return listening.url;
}

async function ask(url: string, options: { body?: string; key?: string; type?: string } = {}) {
  const { body, type = 'application/json' } = options;
  const headers = {
    ...(options.key ? { authorization: `Bearer ${options.key}` } : {}),
    ...(body === undefined ? {} : { 'content-type': type }),
  };
  const response = await fetch(url, { method: body === undefined ? 'GET' : 'POST', headers, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
}

test('a handler gets the validated parts that its descriptor names; invalid requests are refused', async () => {
  const url = await serve();
  const post = async (path: string, body: string) => {
    const { status, body: got } = await ask(`${url}${path}`, { body, key: key('view') });
    return status === 200 ? got : `${status} ${got.code}: ${got.detail}`;
  };
  expect(await post('/v1/echo/3?name=a&name=b', '{"text":"x"}')).toEqual({ n: 3, names: ['a', 'b'] });
  expect(await post('/v1/echo/x', '{"text":"x"}')).toMatch(/^400 request_invalid: path\.n/);
  expect(await post('/v1/echo/3?loud=perhaps', '{"text":"x"}')).toMatch(/^400 request_invalid: query\.loud/);
  expect(await post('/v1/echo/3?loud=true&loud=true', '{"text":"x"}')).toMatch(/expected one value, got 2/);
  expect(await post('/v1/echo/3?other=1', '{"text":"x"}')).toMatch(/Unknown query parameter "other"/);
  expect(await post('/v1/echo/3?name=%00', '{"text":"x"}')).toMatch(/^400 request_invalid: The query contains U\+0000/);
  expect(await post('/v1/echo/3', '{"text":"a\\u0000"}')).toMatch(/^400 request_invalid: The body contains U\+0000/);
  expect(await post('/v1/echo/3', '{"text":7}')).toMatch(/^400 request_invalid: body\.text/);
  expect(await post('/v1/echo/3', '{"text":')).toMatch(/is not valid JSON/);
  expect(await post('/v1/echo/3', `{"text":${'['.repeat(20)}${']'.repeat(20)}}`)).toMatch(/exceeds 16 nesting levels/);
  expect(await post('/v1/echo/3', `{"text":"${'x'.repeat(1_000)}"}`)).toMatch(/^413 body_too_large/);
});

test('V11: a member named twice is refused, at any depth and however it is written; equal names in different objects are not', async () => {
  const url = await serve();
  const post = async (body: string) => {
    const { status, body: got } = await ask(`${url}/v1/echo/3`, { body, key: key('view') });
    return status === 200 ? 200 : `${status} ${got.code}: ${got.detail}`;
  };
  for (const body of ['{"text":"a","text":"b"}', '{"text":"a","\\u0074ext":"b"}', '{"text":"a","x":[{"y":1,"y" \n :2}]}'])
    expect(await post(body)).toMatch(/^400 request_invalid: The body names the member "(text|y)" twice/);
  for (const body of ['{"text":"a","x":{"text":"b"}}', JSON.stringify({ text: '","text":"' }), '{"text":"text","x":["text","text"]}'])
    expect(await post(body)).toBe(200);
});

test.each(['0x10', '1e1', '+3', '03', '3.0', '%203', '0b11', '0o7'])('V11: %s is no decimal number', async (n) => {
  const url = await serve();
  const { status, body } = await ask(`${url}/v1/echo/${n}`, { body: '{"text":"x"}', key: key('view') });
  expect([status, body.code]).toEqual([400, 'request_invalid']);
});

/** Sends bytes as they are. @returns all that is answered until the server closes */
async function exchange(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    answer += chunk;
  });
  socket.write(bytes, 'latin1');
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

const CLOSE = 'connection: close\r\n';
test.each([
  ['two hosts', 400, 'request_invalid', `GET /v1/echo/3 HTTP/1.1\r\nhost: a\r\nHost: b\r\n${CLOSE}\r\n`],
  ['no host', 400, 'request_invalid', `GET /v1/echo/3 HTTP/1.1\r\n${CLOSE}\r\n`],
  [
    'two credentials',
    400,
    'request_invalid',
    `GET /v1/echo/3 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\n${CLOSE}\r\n`,
  ],
  ['no HTTP', 400, 'request_invalid', 'hello\r\n\r\n'],
  ['a bad header', 400, 'request_invalid', 'GET / HTTP/1.1\r\nhost a\r\n\r\n'],
  ['two lengths', 400, 'request_invalid', 'POST /v1/echo/3 HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx'],
  [
    'a length and chunks',
    400,
    'request_invalid',
    'POST /v1/echo/3 HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['large headers', 431, 'headers_too_large', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`],
  ['another expectation', 400, 'request_invalid', `GET / HTTP/1.1\r\nhost: a\r\nexpect: tea\r\n${CLOSE}\r\n`],
])('V11: %s: %i with a problem document', async (_what, status, code, bytes) => {
  const answer = await exchange(await serve(), bytes);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z]`));
  expect(answer).toMatch(/content-type: application\/problem\+json/i);
  expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ status, code, action: expect.stringMatching(/\S/) });
});

test('V11: a request that does not come in time is 408 with a problem document', async () => {
  const timeouts = { requestMs: 100, headersMs: 50, checkMs: 20 };
  listening = await listen(() => {}, { host: '127.0.0.1', port: 0, timeouts });
  const answer = await exchange(listening.url, 'GET / HTTP/1.1\r\nhost: a\r\n');
  expect(answer).toMatch(/^HTTP\/1.1 408 /);
  expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ status: 408, code: 'request_timeout' });
});

test('an act is recorded before its handler runs, its end before the answer; an unrecorded act does not run', async () => {
  const url = `${await serve()}/v1/echo/3`;
  const actOf = async (text: string, who = key('view')) => {
    recorded = [];
    const { status } = await ask(url, { body: JSON.stringify({ text }), key: who });
    return [...recorded, status];
  };
  const ordered = 'ordered echo {"n":"3"} by view of t';
  expect(await actOf('x')).toEqual([ordered, 'carried out', 'ended done', 200]);
  expect(await actOf('refuse')).toEqual([ordered, 'carried out', 'ended refused key_unknown', 404]);
  expect(await actOf('break')).toEqual([ordered, 'carried out', 'ended failed internal', 500]);
  recordFails = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
  expect(await actOf('x')).toEqual([503]);
});

test('refusals are recorded with the caller if known; reads are not recorded', async () => {
  const url = await serve();
  const echo = `${url}/v1/echo/3`;
  await ask(echo, { body: '{"text":"x"}' });
  await ask(echo, { body: '{"text":"x"}', key: key('emit') });
  await ask(`${url}/v1/openapi.json`, { key: key('view') });
  await ask(`${url}/health`);
  expect(recorded).toEqual(['refused echo unauthenticated to undefined of undefined', 'refused echo role_missing to emit of t']);
});

test('routes that need a key require an act recorder', () => {
  const logger = createLogger({ name: 't', level: 'silent' });
  const nobody: string[] = [];
  const router = createRouter('t', [handle(echo, async ({ params }) => ({ status: 200, body: { n: params.n, names: nobody } }))]);
  expect(() => createApp({ title: 't', version: '1', routers: [router], keyring, logger, health: {}, requestId: randomUUID })).toThrow(
    'acts',
  );
});

test('raw bodies and answers of any media type pass through unchanged', async () => {
  const url = `${await serve()}/v1/raw`;
  const bytes = new Uint8Array([0xff, 0x00, 0x0a]);
  for (const type of [undefined, 'text/x.own; a=b']) {
    const response = await fetch(url, {
      method: 'POST',
      body: bytes,
      ...(type === undefined ? {} : { headers: { 'content-type': type } }),
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/x.same']);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
  }
  const empty = await fetch(url, { method: 'POST', body: '' });
  expect([empty.status, empty.headers.get('content-type'), await empty.text()]).toEqual([409, 'application/octet-stream', '']);
  expect((await fetch(url, { method: 'POST', body: 'x'.repeat(101) })).status).toBe(413);
});

test('only the roles of a route are admitted; a failed key look-up is store_unavailable', async () => {
  const url = `${await serve()}/v1/echo/1`;
  const statusOf = async (with_: string | undefined) =>
    (await ask(url, { body: '{"text":"x"}', ...(with_ === undefined ? {} : { key: with_ }) })).body.code ?? 'in';
  expect(await statusOf(key('view'))).toBe('in');
  expect(await statusOf(undefined)).toBe('unauthenticated');
  expect(await statusOf(key('nobody'))).toBe('unauthenticated');
  expect(await statusOf(formatApiKey({ keyId: 'view', secret: new Uint8Array(32) }))).toBe('unauthenticated');
  expect(await statusOf(key('away'))).toBe('store_unavailable');
});

test('errors become problem documents without internal details', async () => {
  const url = await serve();
  const store = await ask(`${url}/v1/fail/store`);
  expect([store.status, store.body.code, store.headers.get('retry-after')]).toEqual([503, 'store_unavailable', '1']);
  expect((await ask(`${url}/v1/fail/disk`)).body.code).toBe('store_full');
  expect((await ask(`${url}/v1/fail/fault`)).headers.get('retry-after')).toBe('7');
  const unknown = await ask(`${url}/v1/fail/other`);
  expect([unknown.status, unknown.body.code, unknown.body.retry]).toEqual([500, 'internal', 'safe']);
  expect(JSON.stringify(unknown.body)).not.toContain('secret detail');
  expect(unknown.body.detail).toContain(unknown.headers.get('request-id'));
  expect(lines.some((line) => line.includes('secret detail'))).toBe(true);
  expect((await ask(`${url}/v1/other`)).body.code).toBe('route_unknown');
  expect((await ask(`${url}/v1/echo/1`)).body.code).toBe('method_not_allowed');
});

test('the body budget refuses with a code, reserves a part for operators, and is released', async () => {
  const budget = createByteBudget(52, 20);
  const url = `${await serve(budget)}/v1/echo/1`;
  const first = ask(url, { body: '{"text":"hold"}', key: key('view') });
  while (budget.bytes === 0) await new Promise((resolve) => setImmediate(resolve));
  const second = await ask(url, { body: '{"text":"x"}', key: key('view') });
  expect([second.status, second.body.code, second.headers.get('retry-after')]).toEqual([429, 'overloaded', '1']);
  expect((await ask(url, { body: '{"text":"release"}', key: key('root') })).status).toBe(200);
  expect((await first).status).toBe(200);
  expect(budget.bytes).toBe(0);
});

test('a body without Content-Length is limited while it is read', async () => {
  const url = new URL(await serve());
  const socket = connect(Number(url.port), url.hostname);
  const head = `POST /v1/echo/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key('view')}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
  const chunk = `258\r\n${'x'.repeat(600)}\r\n`;
  socket.write(`${head}${chunk.repeat(3)}0\r\n\r\n`);
  const chunks: Buffer[] = [];
  for await (const received of socket) {
    chunks.push(received as Buffer);
    if (Buffer.concat(chunks).toString().includes('"code"')) break;
  }
  expect(Buffer.concat(chunks).toString()).toContain('body_too_large');
  socket.destroy();
});

test('a system that needs attention degrades health, and the process still serves; a check that fails by itself does not', async () => {
  const elsewhere = { status: 'degraded', detail: 'a trigger is off', elsewhere: true } as const;
  expect(await checkHealth({ one: async () => elsewhere })).toEqual({
    status: 'degraded',
    serving: true,
    checks: { one: { status: 'degraded', detail: 'a trigger is off' } },
  });
  const both = { one: async () => elsewhere, two: async () => Promise.reject(new Error('gone')) };
  expect(await checkHealth(both)).toMatchObject({ status: 'degraded', serving: false });
});

test('health status is public, details are for operators, and results are shared; a port in use is one line with a fix', async () => {
  const url = await serve();
  const health = await ask(`${url}/health`);
  expect(health.status).toBe(503);
  expect(health.body).toEqual({ status: 'degraded' });
  expect((await ask(`${url}/v1/health`, { key: key('view') })).body).toEqual({ status: 'degraded' });
  const checks = { one: { status: 'ok' }, two: { status: 'degraded', detail: 'broken' } };
  expect((await ask(`${url}/v1/health`, { key: key('owner') })).body).toEqual({ status: 'degraded', checks });
  expect((await ask(`${url}/v1/health`)).status).toBe(401);
  const port = Number(new URL(url).port);
  const error = await listen(() => {}, { host: '127.0.0.1', port }).catch((caught: Error) => caught);
  expect((error as Error).message).toBe(
    `port ${port} on 127.0.0.1 is already in use: stop the process that listens there, or set RECANT_PORT to another port (0 for any free one)`,
  );
});
