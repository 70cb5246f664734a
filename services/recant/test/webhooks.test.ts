import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { createClient } from '@recant/client';
import { testCertificate, waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changed, TestSource } from '../../ledger/test/producer.ts';
import { type Receiver, startReceiver } from '../../ledger/test/receiver.ts';
import { recant, recantHere, temporaryFolder, up } from './process.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let works: Receiver;
let fails: Receiver;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  [works, fails] = [await startReceiver(), await startReceiver()];
  fails.behave((_, outgoing) => outgoing.writeHead(403).end('no_service\u001b[2J'));
  const away = await startReceiver();
  await away.close();
  const file = join(folder.path, 'webhooks.json');
  await writeFile(join(folder.path, 'works.secret'), works.secret, { mode: 0o600 });
  const webhooks = [
    { name: 'works', url: works.url, secretFile: 'works.secret' },
    { name: 'fails', url: fails.url, format: 'slack' },
    { name: 'away', urlEnv: 'AWAY', format: 'slack' },
  ];
  await writeFile(file, JSON.stringify({ webhooks }));
  env = { RECANT_WEBHOOKS_FILE: file, AWAY: `${away.url}/T0/secret-path` };
});
afterAll(async () => {
  await works.close();
  await fails.close();
  await folder.remove();
});

const here = (args: readonly string[], over: Readonly<Record<string, string>> = {}) =>
  recantHere(folder.path, args, undefined, undefined, { env: { ...env, ...over } });

test('`recant webhooks test` sends a signed message to each webhook and says what came back', async () => {
  const { code, out, err } = await here(['webhooks', 'test']);
  expect(code).toBe(7);
  expect(out).toMatch(/accepted {2}works {2}answered 204 {2}\d+ ms\n/);
  expect(out).toMatch(/not accepted {2}fails {2}answered 403: no_service\ufffd\[2J/);
  expect(out).toMatch(/not accepted {2}away {2}connection refused/);
  expect(out + err).not.toContain('secret');
  expect(works.received).toMatchObject([{ signed: true, id: expect.stringMatching(/^test_/) }]);
  expect(JSON.parse(works.received[0]?.body ?? '')).toMatchObject({ type: 'test', data: { action: 'Nothing to do.' } });
  expect(JSON.parse(fails.received[0]?.body ?? '').text).toContain('Test of a webhook');
  const named = await here(['webhooks', 'test', 'works', '--json']);
  expect(named.code).toBe(0);
  expect(JSON.parse(named.out)).toMatchObject({ webhooks: [{ name: 'works', accepted: true, status: 204 }] });
});

test('a receiver with a certificate of an own authority is reached with RECANT_CA_FILE only', async () => {
  const authority = testCertificate('authority', { ca: true });
  const { cert, key } = testCertificate('receiver', { issuer: authority });
  const server = createServer({ cert, key }, (_, outgoing) => void outgoing.writeHead(200).end('ok'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    const [file, caFile] = [join(folder.path, 'tls.json'), join(folder.path, 'ca.pem')];
    await writeFile(caFile, authority.cert);
    const url = `https://127.0.0.1:${(server.address() as { port: number }).port}/`;
    await writeFile(file, JSON.stringify({ webhooks: [{ name: 'own', url, format: 'slack' }] }));
    const own = { RECANT_WEBHOOKS_FILE: file };
    const [without, trusted] = [
      await recant(folder.path, ['webhooks', 'test'], own),
      await recant(folder.path, ['webhooks', 'test'], { ...own, RECANT_CA_FILE: caFile }),
    ];
    expect([without.code, without.out]).toEqual([7, expect.stringMatching(/not accepted {2}own {2}[^\n]*certificate/)]);
    expect([trusted.code, trusted.out]).toEqual([0, expect.stringMatching(/^accepted {2}own {2}answered 200: ok/)]);
  } finally {
    await new Promise((done) => server.close(done));
  }
});

test('a wrong name or configuration is an error that says what to do', async () => {
  const unknown = await here(['webhooks', 'test', 'nobody']);
  expect([unknown.code, unknown.err]).toEqual([
    2,
    expect.stringMatching(/no webhook nobody in RECANT_WEBHOOKS_FILE\n.*Configured: works, fails, away\./),
  ]);
  const none = await here(['webhooks', 'test'], { RECANT_WEBHOOKS_FILE: '' });
  expect([none.code, none.err]).toEqual([2, expect.stringContaining('no webhook is configured')]);
  const absent = await here(['webhooks', 'test'], { RECANT_WEBHOOKS_FILE: '/nowhere/webhooks.json' });
  expect([absent.code, absent.err]).toEqual([2, expect.stringContaining('/nowhere/webhooks.json is not readable (ENOENT)')]);
  const started = await here(['up'], { RECANT_WEBHOOKS_FILE: '/nowhere/webhooks.json' });
  expect([started.code, started.err]).toEqual([2, expect.stringContaining('/nowhere/webhooks.json is not readable (ENOENT)')]);
});

test('`recant doctor` finds a secret that others can read, and `recant up` delivers', async () => {
  const secret = join(folder.path, 'works.secret');
  const checked = async () => {
    const { out } = await here(['doctor', '--json']);
    return JSON.parse(out).checks.find(({ check }: { check: string }) => check === 'webhooks');
  };
  expect(await checked()).toMatchObject({ state: 'ok', notes: [expect.stringContaining('recant webhooks test')] });
  await chmod(secret, 0o644);
  expect(await checked()).toMatchObject({ state: 'found', findings: [{ subject: secret, action: `chmod o-rwx ${secret}` }] });
  await chmod(secret, 0o600);
  const service = await up(folder.path, [], env);
  try {
    const key = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
    const event = new TestSource('double').opened();
    // An id for two contents is a dead letter.
    await createClient({ url: service.url, apiKey: key }).submitBatch([event, changed(event, { time: '2029-01-01T00:00:00.000Z' })]);
    await waitUntil(() => works.received.some(({ body }) => JSON.parse(body).data.code === 'dead_letters'));
  } finally {
    await service.end('SIGTERM');
  }
});
