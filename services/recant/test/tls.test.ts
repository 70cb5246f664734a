import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testCertificate, waitUntil } from '@recant/test-support';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { recant, temporaryFolder, type Up, up } from './process.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let running: Up | undefined;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await running?.end('SIGTERM');
  running = undefined;
  await folder.remove();
});

const ca = testCertificate('authority', { ca: true });

async function keep(name: string, text: string): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, text);
  return path;
}

async function environment(server = testCertificate('recant', { issuer: ca })): Promise<Record<string, string>> {
  return {
    RECANT_TLS_CERT_FILE: await keep('cert.pem', server.cert),
    RECANT_TLS_KEY_FILE: await keep('key.pem', server.key),
    RECANT_CA_FILE: await keep('ca.pem', ca.cert),
  };
}

test('commands and the rollback service use TLS; a client that does not trust the authority gets the reason', async () => {
  const env = await environment();
  running = await up(folder.path, [], env);
  expect(running.url).toMatch(/^https:\/\/127\.0\.0\.1:/);
  expect(await recant(folder.path, ['status'], env)).toMatchObject({ code: 0 });
  // Its acts are events that it sends to the ledger over the same listener.
  const planned = await recant(folder.path, ['plan', '--tool', 'none', '--window', '1m', '--json'], env);
  expect(planned.code).toBe(0);
  await waitUntil(async () => (await recant(folder.path, ['sources'], env)).out.includes('/plan/'));

  const stranger = await recant(folder.path, ['status']);
  expect(stranger).toMatchObject({ code: 4 });
  expect(stranger.err).toMatch(/cannot be trusted: its certificate is not signed by a trusted authority: set RECANT_CA_FILE/);
  const nowhere = await recant(folder.path, ['status'], { RECANT_CA_FILE: join(folder.path, 'none.pem') });
  expect(nowhere).toMatchObject({ code: 2, err: expect.stringContaining('RECANT_CA_FILE: ') });
});

test('an expired certificate, and a reachable address without TLS, are one line each', async () => {
  const old = testCertificate('recant', { issuer: ca, notAfter: new Date('2021-01-01Z') });
  const expired = await recant(folder.path, ['up', '--port', '0'], await environment(old));
  expect(expired).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^recant: RECANT_TLS_CERT_FILE: the certificate in .* expired on 2021-01-01; renew it\n$/m),
  });
  const open = await recant(folder.path, ['up', '--port', '0', '--host', '0.0.0.0']);
  expect(open).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^recant: refusing to serve plain HTTP on 0\.0\.0\.0: .*RECANT_INSECURE_HTTP=1/m),
  });
  const half = await recant(folder.path, ['up'], { RECANT_TLS_CERT_FILE: 'cert.pem' });
  expect(half).toMatchObject({ code: 2, err: expect.stringContaining('RECANT_TLS_KEY_FILE is missing') });
});
