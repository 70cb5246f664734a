import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createLogger, type Listening, type ListenOptions, listen } from '@recant/service';
import { type TestCertificate, testCertificate, waitUntil } from '@recant/test-support';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { stoppingOf } from '../src/stopping.ts';

const ca = testCertificate('authority', { ca: true });
const expired = { notBefore: new Date('2020-01-01Z'), notAfter: new Date('2021-01-01Z') };
let folder: string;
let lines: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recant-tls-'));
  lines = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(`${path}.next`, text);
  await rename(`${path}.next`, path);
  return path;
}

async function files({ cert, key }: TestCertificate) {
  return { certFile: await put('cert.pem', cert), keyFile: await put('key.pem', key) };
}

async function serve(options: Partial<ListenOptions>): Promise<Listening> {
  const logger = createLogger({ name: 't', destination: { write: (line) => void lines.push(line) } });
  const listening = await listen((_, response) => response.end('here'), { host: '127.0.0.1', port: 0, logger, ...options });
  onTestFinished(() => listening.close(0));
  return listening;
}

/** The answer, or an error code. */
function ask(url: string, trusted: string, client: Partial<TestCertificate> = {}): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(url, { ca: trusted, ...client, agent: false }, (response) => {
      response.setEncoding('utf8');
      response.on('data', resolve).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    });
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)).end();
  });
}

const refused = (options: Partial<ListenOptions>): Promise<string> =>
  serve(options).then(
    () => 'it listens',
    (error: Error) => `${error.name}: ${error.message}`,
  );

test('with a certificate it serves TLS to clients that trust its issuer, and no plain HTTP', async () => {
  const { url, port } = await serve({ tls: await files(testCertificate('server', { issuer: ca })) });
  expect(url).toBe(`https://127.0.0.1:${port}`);
  expect(await ask(url, ca.cert)).toBe('here');
  expect(await ask(url, testCertificate('other', { ca: true }).cert)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow();
});

test('TLS below 1.2 is refused', async () => {
  const { port } = await serve({ tls: await files(testCertificate('server', { issuer: ca })) });
  const code = await new Promise((resolve) => {
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      ca: ca.cert,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code)).on('secureConnect', () => resolve(socket.getProtocol()));
  });
  expect(code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
});

test('with a client CA, only clients with a certificate from it can connect', async () => {
  const clientCaFile = await put('clients.pem', ca.cert);
  const { url } = await serve({ tls: { ...(await files(testCertificate('server', { issuer: ca }))), clientCaFile } });
  expect(await ask(url, ca.cert, testCertificate('client', { issuer: ca }))).toBe('here');
  expect(await ask(url, ca.cert)).toMatch(/^(ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED|ECONNRESET|EPIPE)$/);
  const stranger = testCertificate('client', { issuer: testCertificate('other', { ca: true }) });
  expect(await ask(url, ca.cert, stranger)).not.toBe('here');
});

test('a renewed certificate is loaded on file change or reload; an invalid one is logged and the old one stays', async () => {
  const listening = await serve({ tls: await files(testCertificate('first', { issuer: ca })) });
  const next = testCertificate('authority of the next', { ca: true });
  await files(testCertificate('second', { issuer: next }));
  await waitUntil(async () => (await ask(listening.url, next.cert)) === 'here');
  expect(await ask(listening.url, ca.cert)).not.toBe('here');
  await put('cert.pem', testCertificate('of another key', { issuer: ca }).cert);
  listening.reload();
  expect(await ask(listening.url, next.cert)).toBe('here');
  expect(lines.join('')).toMatch(/does not match the certificate in .*keeping the old one/);
});

test('a problem with a TLS file is one line that names the variable and quotes nothing of the key', async () => {
  const good = testCertificate('server', { issuer: ca });
  const errors = [
    await refused({ tls: { ...(await files(good)), keyFile: join(folder, 'nowhere') } }),
    await refused({ tls: await files({ ...good, cert: 'not one' }) }),
    await refused({ tls: await files({ ...good, key: good.key.slice(0, 60) }) }),
    await refused({ tls: await files({ ...good, key: testCertificate('other').key }) }),
    await refused({ tls: await files(testCertificate('old', { issuer: ca, ...expired })) }),
    await refused({ tls: await files(testCertificate('early', { issuer: ca, notBefore: new Date('2098-01-01Z') })) }),
  ];
  expect(errors.map((line) => line.replaceAll(folder, ''))).toEqual([
    'ListenError: RECANT_TLS_KEY_FILE: /nowhere is not readable (ENOENT)',
    'ListenError: RECANT_TLS_CERT_FILE: no PEM certificate in /cert.pem',
    'ListenError: RECANT_TLS_KEY_FILE: no unencrypted PEM private key in /key.pem',
    'ListenError: RECANT_TLS_KEY_FILE: the key in /key.pem does not match the certificate in /cert.pem',
    'ListenError: RECANT_TLS_CERT_FILE: the certificate in /cert.pem expired on 2021-01-01; renew it',
    'ListenError: RECANT_TLS_CERT_FILE: the certificate in /cert.pem is not valid before 2098-01-01; check the clock',
  ]);
});

test('a non-loopback address without TLS is refused, unless explicitly allowed', async () => {
  for (const host of ['0.0.0.0', '::', '::ffff:0.0.0.0'])
    expect(await refused({ host })).toMatch(/^ListenError: .*RECANT_TLS_CERT_FILE.*RECANT_INSECURE_HTTP=1/);
  for (const host of ['127.0.0.1', 'localhost']) expect(await refused({ host })).toBe('it listens');
  expect(await refused({ host: '0.0.0.0', insecure: true })).toBe('it listens');
  expect(await refused({ host: '0.0.0.0', tls: await files(testCertificate('server')) })).toBe('it listens');
  expect(await refused({ host: 'no such host.invalid' })).toMatch(/RECANT_HOST/);
});

test('slow headers, bodies and handshakes are cut off while other clients are served', async () => {
  const timeouts = { requestMs: 400, headersMs: 200, checkMs: 50 };
  const plain = await serve({ timeouts });
  const secure = await serve({ timeouts, tls: await files(testCertificate('server', { issuer: ca })) });
  const slow = (port: number, begin: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(begin));
      let text = '';
      socket
        .on('data', (chunk) => {
          text += chunk;
        })
        .on('error', () => undefined)
        .on('close', () => resolve(text));
    });
  const all = [slow(plain.port, 'GET / HTTP/1.1\r\nhost: x\r\n'), slow(secure.port, '\x16\x03\x01')];
  expect(await (await fetch(plain.url)).text()).toBe('here');
  const [headers, handshake] = await Promise.all(all);
  expect(headers).toMatch(/^HTTP\/1\.1 408 /);
  expect(handshake).toBe('');
});

test('connections learn that their listener stops', async () => {
  const seen: (AbortSignal | undefined)[] = [];
  const app = (request: IncomingMessage, response: ServerResponse) => {
    seen.push(stoppingOf(request.socket));
    response.end('here');
  };
  const tls = await files(testCertificate('server', { issuer: ca }));
  for (const options of [{ tls }, {}]) {
    const { url, close } = await listen(app, { host: '127.0.0.1', port: 0, ...options });
    if (options.tls) await ask(url, ca.cert);
    else await (await fetch(url)).text();
    expect(seen.at(-1)?.aborted).toBe(false);
    await close(0);
    expect(seen.at(-1)?.aborted).toBe(true);
  }
});
