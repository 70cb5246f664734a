import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createRecant } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, recant, recantHere, temporaryFolder, type Up, up } from './process.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Up;
let agentKey: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  service = await up(folder.path);
  agentKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
}, 180_000);
afterAll(async () => {
  await service?.end('SIGTERM');
  await folder.remove();
});

const run = (...args: string[]): Promise<Ended> => recantHere(join(folder.path, '.recant'), args);
const at = (name: string): string => join(folder.path, name);

/** One mail to a customer. @returns the digest of its sealed arguments */
async function sendMail(to: string, subject: string): Promise<string> {
  const client = createRecant({ url: service.url, apiKey: agentKey, agent: 'support', redaction: { personal: true } });
  await client.open();
  const action = await client.action('send_mail', { to }, (context) => context.action, { subject });
  await client.close();
  const { out } = await run('actions', 'show', action);
  expect(out).toContain(`sealed for ${subject}: recant parts show `);
  return /parts show ([0-9a-f]{64})/.exec(out)?.[1] ?? '';
}

test('I9: after erasing a subject every proof is valid, nothing of that subject is readable, and others are unchanged', async () => {
  const [mine, others] = [await sendMail('ada@example.com', 'customer/42'), await sendMail('eve@example.com', 'customer/43')];
  const shown = await run('parts', 'show', mine);
  expect(shown, shown.err).toMatchObject({
    code: 0,
    out: '{\n  "to": "ada@example.com"\n}\n',
    err: expect.stringContaining('customer/42'),
  });
  expect((await run('acts')).out).toMatch(/unseal part +done +digest [0-9a-f]{64}/);

  await waitUntil(async () => {
    await rm(at('before.recant'), { force: true });
    const exported = await run('export', '--out', at('before.recant'));
    return exported.code === 0 && (await readFile(at('before.recant'))).includes('"operation":"unsealPart"');
  });
  expect((await readFile(at('before.recant'))).includes('ada@example.com')).toBe(false);

  expect(await run('subjects', 'erase', 'customer/42')).toMatchObject({ code: 2, err: expect.stringContaining('--yes') });
  expect(await run('subjects', 'erase', 'customer/42', '--yes')).toMatchObject({
    code: 0,
    out: expect.stringContaining('Destroyed 1 data key of customer/42'),
  });
  expect(await run('subjects', 'erase', 'customer/42', '--yes')).toMatchObject({
    code: 0,
    out: expect.stringContaining('No data key for customer/42: already erased'),
  });
  expect(await run('subjects', 'show', 'customer/42')).toMatchObject({
    code: 0,
    out: expect.stringContaining('No erasure of customer/42'),
  });
  const erased = await run('parts', 'show', mine);
  expect(erased).toMatchObject({ code: 2, out: '', err: expect.stringContaining('was destroyed') });
  expect(await run('parts', 'show', others, '--json')).toMatchObject({ code: 0, out: expect.stringContaining('eve@example.com') });

  // The earlier export verifies, and so does the current ledger.
  const offline = await recant('/', ['verify', at('before.recant')], { RECANT_DIR: '/nonexistent' });
  expect(offline, offline.err).toMatchObject({ code: 0 });
  expect(await run('verify')).toMatchObject({ code: 0 });
}, 120_000);

test('data keys are in a separate database, and none is in the ledger’s', async () => {
  await sendMail('ada@example.com', 'customer/44');
  const ledgerUrl = (await readFile(join(folder.path, '.recant', 'database.url'), 'utf8')).trim();
  const keysUrl = new URL(ledgerUrl);
  keysUrl.pathname = '/recant_keys';
  const count = async (url: string, text: string): Promise<number> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return Number((await client.query(text)).rows[0].count);
    } finally {
      await client.end();
    }
  };
  expect(await count(keysUrl.href, 'SELECT count(*) FROM recant_keys.data_key')).toBeGreaterThan(0);
  expect(await count(ledgerUrl, "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'recant_keys'")).toBe(0);
});

test('an attempt whose outcome is unknown is settled by a person, with a reason, under a short id', async () => {
  const client = createRecant({ url: service.url, apiKey: agentKey, agent: 'payer' });
  await client.open();
  let action = '';
  const pay = async () => {
    action = client.current()?.action ?? '';
    throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
  };
  await client.action('pay', { order: 7 }, pay, { reversibility: 'compensable' }).catch(() => undefined);
  await client.close();
  const settle = (...args: string[]) => run('actions', 'settle', action.slice(-12), ...args);
  expect(await settle('--as', 'failed')).toMatchObject({ code: 2, err: expect.stringContaining('--reason TEXT') });
  expect(await settle('--as', 'denied', '--reason', 'no charge')).toMatchObject({ code: 2, err: expect.stringContaining('succeeded') });
  expect(await settle('--reason', 'no charge')).toMatchObject({ code: 2, err: expect.stringContaining('--as') });
  expect(await settle('--as', 'failed', '--attempt', 'two', '--reason', 'no charge')).toMatchObject({ code: 2 });
  expect((await run('actions', 'list', '--outcome', 'unknown')).out).toContain('payer');
  const settled = await settle('--as', 'failed', '--reason', 'no charge');
  expect(settled, settled.err).toMatchObject({ code: 0, out: `Attempt 1 of action ${action}: failed.\n` });
  expect((await run('actions', 'show', action)).out).toMatch(
    / {2}failed, compensable, .*\n(.*\n)+ {2}settled as failed by .*: no charge\n/,
  );
  expect((await run('actions', 'list', '--agent', 'payer')).out).toContain('failed (settled by a person)');
  expect((await run('acts')).out).toMatch(/settle attempt +done/);
});
