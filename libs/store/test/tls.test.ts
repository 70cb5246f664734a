import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningPostgres, startPostgres } from '@recant/local-postgres';
import { type TestCertificate, testCertificate, waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkConnection, createStore, grantServiceRole, migrate, StoreError } from '../src/index.ts';

const ca = testCertificate('authority', { ca: true });
let folder: string;
let server: RunningPostgres;
let owner: pg.Client;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'recant-pgtls-')));
  await chmod(folder, 0o755);
  await put('ca.pem', ca.cert);
  await put('other.pem', testCertificate('other', { ca: true }).cert);
  await show(testCertificate('postgres', { issuer: ca }));
  const settings = { ssl: 'on', ssl_cert_file: join(folder, 'server.pem'), ssl_key_file: join(folder, 'server.key') };
  server = await startPostgres({ dataDir: join(folder, 'data'), durable: false, settings });
  owner = new pg.Client({ connectionString: server.ownerUrl });
  await owner.connect();
}, 120_000);
afterAll(async () => {
  await owner.end();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function put(name: string, text: string): Promise<void> {
  await writeFile(join(folder, name), text, { mode: 0o600 });
}
async function show({ cert, key }: TestCertificate): Promise<void> {
  await put('server.pem', cert);
  await put('server.key', key);
}

/** The service's URL with this suffix. */
function url(query: Record<string, string>, of = server.url): string {
  const changed = new URL(of);
  for (const [name, value] of Object.entries(query)) changed.searchParams.set(name, value);
  return changed.href;
}
const FULL = { sslmode: 'verify-full' };
const trusting = () => ({ ...FULL, sslrootcert: join(folder, 'ca.pem') });

it('with TLS in DATABASE_URL, migration and service use TLS on every connection', async () => {
  await migrate(url(trusting(), server.ownerUrl));
  await grantServiceRole(server.ownerUrl, new URL(server.url).username);
  const store = createStore({ connectionString: url(trusting()), masterKey: new Uint8Array(32) });
  await store.credentials.create({ tenant: 'acme', roles: ['view'], sourcePrefix: 'recant://', agents: [], resources: [] });
  expect(await store.queries.logs('acme')).toEqual([]);
  const { rows } = await owner.query(
    "SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'recant'",
  );
  expect(rows).toEqual([{ ssl: true }]);
  await store.close();
});

const refusal = (connectionString: string): Promise<StoreError> => checkConnection(connectionString).catch((error) => error);

it('rejects a server that it cannot authenticate, with one line of advice without the password', async () => {
  const { password } = new URL(server.url);
  const reported = async (connectionString: string) => {
    const error = await refusal(connectionString);
    expect(error).toBeInstanceOf(StoreError);
    expect(error.message).not.toMatch(new RegExp(`${password}|\n`));
    return `${error.code}: ${error.message.replaceAll(folder, '').replaceAll(/127\.0\.0\.1:\d+/g, 'SERVER')}`;
  };
  const untrusted = 'access_refused: PostgreSQL at SERVER/recant cannot be trusted: its certificate ';
  expect(await reported(url(FULL))).toBe(`${untrusted}is not signed by a trusted authority: add sslrootcert=FILE to DATABASE_URL.`);
  expect(await reported(url({ ...FULL, sslrootcert: join(folder, 'other.pem') }))).toContain('is not signed by a trusted authority');
  expect(await reported(url({ ...FULL, sslrootcert: join(folder, 'none.pem') }))).toBe(
    'url_invalid: DATABASE_URL names /none.pem, which cannot be read (ENOENT): correct it.',
  );
  const wrong = Object.assign(new URL(url(trusting())), { password: 'wrong-word' }).href;
  expect(await reported(wrong)).toBe('access_refused: PostgreSQL at SERVER/recant rejected the user or password: correct DATABASE_URL.');

  for (const [certificate, says] of [
    [testCertificate('old', { issuer: ca, notAfter: new Date('2021-01-01Z') }), 'has expired: renew it, or check the clock.'],
    [
      testCertificate('elsewhere', { issuer: ca, dns: ['db.example'] }),
      'does not match the host name: connect with a name from the certificate',
    ],
  ] as const) {
    await show(certificate);
    await owner.query('SELECT pg_reload_conf()');
    await waitUntil(async () => (await reported(url(trusting()))).includes(says));
  }
  await show(testCertificate('postgres', { issuer: ca }));
  await owner.query('SELECT pg_reload_conf()');
  await waitUntil(async () => (await refusal(url(trusting()))) === undefined);
});

it('reports that a server requires TLS', async () => {
  await writeFile(
    join(folder, 'data', 'pg_hba.conf'),
    'hostssl all recant 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 scram-sha-256\n',
  );
  await owner.query('SELECT pg_reload_conf()');
  await waitUntil(async () => (await refusal(server.url))?.message.includes('missing TLS'));
  expect(await refusal(url(trusting()))).toBeUndefined();
});

it.each([
  ['postgres://u:secret@db.example/recant', /points to another machine \(db\.example\) and has no sslmode: add sslmode=verify-full/],
  ['postgres://u:secret@db.example/recant?sslmode=require', /has sslmode=require, whose meaning depends on the driver version/],
  ['postgres://u:secret@db.example/recant?sslmode=no-verify', /has sslmode=no-verify/],
  ['postgres://u:secret@db.example/recant?sslmode=verify-ca&uselibpqcompat=true', /sslmode=verify-ca/],
  ['postgres://u:secret@db.example/recant?sslmode=verify-full&sslmode=no-verify', /has sslmode=no-verify/],
  ['postgres://u:secret@127.0.0.1/recant?host=db.example', /another machine \(db\.example\)/],
  ['postgres://u:secret@192.0.2.7/recant?ssl=0', /another machine \(192\.0\.2\.7\)/],
  ['postgres://u:secret@[2001:db8::1]/recant', /another machine/],
])('%s is refused before anything is sent', async (connectionString, says) => {
  const error = await refusal(connectionString);
  expect(error).toMatchObject({ code: 'url_invalid', message: expect.stringMatching(says) });
  expect(error.message).not.toContain('secret');
  expect(() => createStore({ connectionString, masterKey: new Uint8Array(32) })).toThrow(error.message);
});

it('accepts a socket, loopback, and another machine without TLS on request', async () => {
  for (const connectionString of [
    'postgres:///recant?host=/run/none',
    'postgres://u@localhost:1/recant',
    'postgres://u@[::1]:1/recant',
    'postgres://u@db.invalid/recant?sslmode=disable',
  ]) {
    const store = createStore({ connectionString, masterKey: new Uint8Array(32) });
    await store.close();
  }
});
