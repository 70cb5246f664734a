import { connect } from 'node:net';
import { LEDGER_ROUTES, ROLLBACK_ROUTES, type RouteDescriptor, SERVICE_ROUTES } from '@recant/api';
import { testDatabase, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from '../../services/rollback/test/harness.ts';

let stage: Stage;
let bearer: string;
beforeAll(async () => {
  stage = await createStage({ worker: false });
  bearer = await stage.makeKey({ roles: ['emit', 'view', 'plan', 'execute', 'export', 'administer'], agents: ['*'] });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const ROUTES: readonly RouteDescriptor[] = [...LEDGER_ROUTES, ...ROLLBACK_ROUTES, ...SERVICE_ROUTES];

interface Answer {
  readonly what: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function ask(path: string, init: RequestInit & { key?: string } = {}): Promise<Answer> {
  const { key = bearer, headers, ...rest } = init;
  const authorization = key === '' ? {} : { authorization: `Bearer ${key}` };
  const response = await fetch(`${stage.url}${path}`, { ...rest, headers: { ...authorization, ...(headers as Record<string, string>) } });
  return {
    what: `${init.method ?? 'GET'} ${path.slice(0, 80)}`,
    status: response.status,
    headers: response.headers,
    text: await response.text(),
  };
}

const HOSTILE = ['x', '%00', '%ff', '..%2f..%2fetc%2fpasswd', "'%20OR%201=1--", '%24%7Bjndi%7D', '9'.repeat(400), '__proto__'];
/** Out of range for every column of numbers, times or positions. */
const BEYOND = ['32768', '99999', '9007199254740991'];
const cursorAfter = (...place: readonly unknown[]): string =>
  Buffer.from(JSON.stringify([1, [[0, '5']], null, place])).toString('base64url');
const CURSORS = [
  cursorAfter(-9_007_199_254_740_991, 0, '1'),
  cursorAfter(9_007_199_254_740_991, 0, '1'),
  cursorAfter(1, 99_999, '1'),
  ...['99999.1', '9999999999999999.99999.999999999999999999', '999999999999999.x'],
];
const BODIES = [
  ...['', '{', 'null', '[]', '{"__proto__":{"roles":["administer"]}}', `{"a":${'['.repeat(100)}`, '{"mode":"force"}', '\u0000', '"\ud800"'],
  ...['{"window":{"from":"99999999d"}}', '{"reason":"\\ud800"}'],
  '{"roles":["view"],"sourcePrefix":"recant://x","agents":["\\ud800"],"resources":[]}',
  JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`k${n}`, n]))),
];

/** Requests every route incorrectly: without a key, with wrong parameters, bodies and media types. */
async function provokeAll(): Promise<Answer[]> {
  const all: Answer[] = [];
  for (const route of ROUTES) {
    const pathOf = (value: string) => route.path.replaceAll(/\{\w+\}/g, value);
    const method = route.method.toUpperCase();
    all.push(await ask(pathOf('1'), { method, key: '' }));
    for (const value of HOSTILE)
      all.push(
        await ask(`${pathOf(value)}`, {
          method,
          ...(method === 'GET' ? {} : { body: '{}', headers: { 'content-type': 'application/json' } }),
        }),
      );
    for (const value of HOSTILE) all.push(await ask(`${pathOf('1')}?limit=${value}&cursor=${value}&${value}=1`, { method }));
    for (const value of BEYOND) all.push(await ask(`${pathOf(value)}?attempt=${value}`, { method }));
    for (const cursor of CURSORS) all.push(await ask(`${pathOf('1')}?cursor=${cursor}`, { method }));
    if (!route.body) continue;
    const type = route.body.kind === 'json' ? 'application/json' : (Object.keys(route.body.content)[0] as string);
    for (const body of BODIES) all.push(await ask(pathOf('1'), { method, body, headers: { 'content-type': type } }));
    all.push(await ask(pathOf('1'), { method, body: 'x', headers: { 'content-type': 'text/html' } }));
    all.push(await ask(pathOf('1'), { method, body: 'x', headers: { 'content-type': type, 'content-encoding': 'gzip' } }));
  }
  for (const path of ['/', '/.env', '/v1', '/v1/keys/', '/%ff', '/v1/../health', '/v1/attempts/..'])
    all.push(await ask(path), await ask(path, { method: 'DELETE' }));
  return all;
}

/** Internal details that an answer must not contain: stacks, statements, files, machines, versions. */
const LEAKS = [
  /\bat [\w.<>]+ \(|\bat (async )?(file|node):/,
  /node_modules|\.ts\b|\/src\/|file:\/\//,
  /\b(SELECT|INSERT|UPDATE|DELETE FROM|COPY)\b .*\b(FROM|INTO|SET|recant\.)/,
  /\brecant_(writer|reader|owner|migrator)\b|\btest_[0-9a-f]{16}\b|\bpg_\w+|\bprisma\b|P\d{4}\b/i,
  /\b(127\.0\.0\.1|localhost|::1)\b|ECONN|EPIPE|ENOENT|SQLSTATE|\bZodError\b|\[object /,
  /express|helmet|kafkajs|x-powered-by/i,
];

function expectSafe(answers: readonly Answer[]): void {
  for (const { what, status, headers, text } of answers) {
    const where = `${what}: ${status} ${text.slice(0, 200)}`;
    expect(headers.get('content-security-policy'), where).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers.get('strict-transport-security'), where).toMatch(/^max-age=\d{7,}; includeSubDomains$/);
    expect([headers.get('x-content-type-options'), headers.get('x-frame-options'), headers.get('referrer-policy')], where).toEqual([
      'nosniff',
      'SAMEORIGIN',
      'no-referrer',
    ]);
    expect([headers.get('cache-control'), headers.get('cross-origin-resource-policy')], where).toEqual(['no-store', 'same-origin']);
    expect(
      [headers.get('x-powered-by'), headers.get('server'), headers.get('etag'), headers.get('access-control-allow-origin')],
      where,
    ).toEqual([null, null, null, null]);
    expect(headers.get('request-id'), where).toMatch(/^[0-9a-f-]{36}$/);
    if (status < 400) continue;
    expect(headers.get('content-type'), where).toBe('application/problem+json');
    expect(text.length, where).toBeLessThan(4_000);
    for (const leak of LEAKS) expect(text, where).not.toMatch(leak);
  }
}

test('every answer to an incorrect request has the security headers and contains no internal details', async () => {
  const answers = await provokeAll();
  expect(answers.length).toBeGreaterThan(500);
  expectSafe(answers);
  const statuses = new Set(answers.map(({ status }) => status));
  for (const status of [200, 400, 401, 404, 405, 415]) expect(statuses).toContain(status);
  expect(answers.filter(({ status }) => status === 500)).toEqual([]);
}, 120_000);

test('headers, URL and parameters are limited before they are parsed', async () => {
  const { port } = new URL(stage.url);
  const send = (head: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(`${head}\r\n\r\n`));
      let text = '';
      socket.on('error', () => undefined).on('close', () => resolve(text));
      socket.on('data', (chunk) => {
        text += chunk;
        if (text.includes('\r\n\r\n')) socket.destroy();
      });
    });
  expect(await send(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x`)).toMatch(/^HTTP\/1\.1 431 /);
  expect(await send(`GET /health HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}`)).toMatch(/^HTTP\/1\.1 431 /);
  expect(await send(`GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked`)).toMatch(/^HTTP\/1\.1 400 /);
  expect(await send('nonsense')).toMatch(/^HTTP\/1\.1 400 /);
  const absolute = (query: string) => send(`GET http://a:99999/v1/logs${query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${bearer}`);
  expect([await absolute(''), await absolute('?x=1')]).toEqual([
    expect.stringMatching(/^HTTP\/1\.1 200 /),
    expect.stringMatching(/^HTTP\/1\.1 400 /),
  ]);
  const many = Array.from({ length: 501 }, (_, n) => `agent=${n}`).join('&');
  expect(await ask(`/v1/attempts?${many}`)).toMatchObject({ status: 400, text: expect.stringContaining('expected at most 500, got 501') });
  for (const text of [await send(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x`), await send('nonsense')])
    for (const leak of LEAKS) expect(text).not.toMatch(leak);
});

test('while the database is unavailable, answers say so without naming its address', async () => {
  const before = await ask('/v1/logs');
  expect(before.status).toBe(200);
  // Nothing can connect any more and open connections end, so the errors are those of the driver.
  await using server = await testDatabase();
  const superuser = new pg.Client({ connectionString: server.ownerUrl });
  await superuser.connect();
  const name = new URL(stage.databaseUrl).pathname.slice(1);
  await superuser.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await superuser.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  await waitUntil(async () => (await ask('/v1/logs')).status >= 500);
  const answers: Answer[] = [];
  for (const route of ROUTES) answers.push(await ask(route.path.replaceAll(/\{\w+\}/g, '1'), { method: route.method.toUpperCase() }));
  await superuser.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  await superuser.end();
  expect(answers.some(({ status }) => status >= 500)).toBe(true);
  expectSafe(answers);
  // The operator finds it in the log.
  expect(stage.log.some(({ level }) => (level as number) >= 50)).toBe(true);
});
