import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRecant } from '@recant/sdk';
import { testBucket, testLog, waitUntil } from '@recant/test-support';
import { encodeAddCheckpoint, parseCheckpoint, parseNote, parseVerifierKey, verifyCheckpoint } from '@recant/transparency';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CREDENTIALS_FILE } from '../src/terminal/connection.ts';
import { type LedgerFolder, ledgerFolder, recantHere, type Up, up } from './process.ts';

let folder: LedgerFolder;
beforeAll(async () => {
  folder = await ledgerFolder();
});
afterAll(async () => {
  for (const each of running) if (each.child.exitCode === null) await each.end('SIGTERM');
  await folder.remove();
});

const running: Up[] = [];
async function upHere(env: Readonly<Record<string, string>> = {}): Promise<Up> {
  const service = await up(folder.path, [], { ...folder.env, ...env });
  running.push(service);
  return service;
}

/** Starts `recant witness` on a free port and waits until it is ready. */
async function witnessWith(...args: string[]) {
  const stop = new AbortController();
  const started = Promise.withResolvers<string>();
  const ended = recantHere(folder.path, ['witness', '--dir', join(folder.path, 'witness'), '--port', '0', ...args], stop.signal, (out) => {
    if (out.includes('Ctrl-C stops')) started.resolve(out);
  });
  const out = await Promise.race([started.promise, ended.then(({ err }) => Promise.reject(new Error(err)))]);
  const [, setting = ''] = /RECANT_WITNESSES='([^']+)'/.exec(out) ?? [];
  const [url = '', vkey = ''] = setting.split(' ');
  return {
    ...{ url, vkey, setting },
    async end() {
      stop.abort();
      return (await ended).code;
    },
  };
}

const authorization = async (): Promise<{ authorization: string }> => {
  const { apiKey } = JSON.parse(await readFile(join(folder.path, '.recant', CREDENTIALS_FILE), 'utf8')) as { apiKey: string };
  return { authorization: `Bearer ${apiKey}` };
};

test('two teams: a witness runs with the vkey of a ledger, and checkpoints are cosigned and anchored', async () => {
  const first = await upHere();
  const vkeys = (await (await fetch(`${first.url}/v1/tlog/vkeys`, { headers: await authorization() })).text()).trim().split('\n');
  const agentKey = /agents\s+(recant_\S+)/.exec(first.out)?.[1] ?? '';
  expect(await first.end('SIGTERM')).toBe(0);

  const witness = await witnessWith('--log', ...vkeys);
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = await testBucket();
  const service = await upHere({
    RECANT_WITNESSES: witness.setting,
    RECANT_ANCHOR_S3_ENDPOINT: endpoint,
    RECANT_ANCHOR_S3_REGION: region,
    RECANT_ANCHOR_S3_BUCKET: bucket,
    RECANT_ANCHOR_S3_ACCESS_KEY_ID: accessKeyId,
    RECANT_ANCHOR_S3_SECRET_ACCESS_KEY: secretAccessKey,
  });
  const recant = createRecant({ url: service.url, apiKey: agentKey, agent: 'clerk', systems: [] });
  await recant.open();
  await recant.action('think', {}, async () => 1);
  await recant.close();
  const headers = await authorization();
  const { items } = (await (await fetch(`${service.url}/v1/logs`, { headers })).json()) as { items: { shard: number; size: number }[] };
  const { shard } = items.reduce((a, b) => (a.size >= b.size ? a : b));
  const note = await waitUntil(async () => {
    const bytes = new Uint8Array(await (await fetch(`${service.url}/v1/tlog/${shard}/checkpoint`, { headers })).arrayBuffer());
    const { origin } = parseCheckpoint(parseNote(bytes).text);
    const policy = { origin, logKeys: vkeys.map((each) => parseVerifierKey(each)) };
    verifyCheckpoint(bytes, { ...policy, witnessKeys: [parseVerifierKey(witness.vkey)], witnessesMin: 1 });
    return bytes;
  });
  await waitUntil(async () => (await fetch(`${service.url}/health`)).status === 200);
  expect(await service.end('SIGTERM')).toBe(0);

  // Submitted again with the known size, the same tree is cosigned again; an unknown log is not.
  const { size } = parseCheckpoint(parseNote(note).text);
  const ask = (checkpoint: Uint8Array, sizeBefore: bigint) =>
    fetch(`${witness.url}/add-checkpoint`, {
      method: 'POST',
      body: Buffer.from(encodeAddCheckpoint({ sizeBefore, proof: [], checkpoint })),
    });
  expect((await ask(note, size)).status).toBe(200);
  expect((await ask(testLog().checkpoint(1).note, 0n)).status).toBe(404);
  expect(await witness.end()).toBe(0);
});

test('a witness that cannot start prints one line', async () => {
  const run = async (...args: string[]) => {
    const { code, err } = await recantHere(folder.path, ['witness', '--dir', join(folder.path, 'other'), ...args]);
    return `${code} ${err}`;
  };
  expect(await run()).toMatch(/^1 recant: no log to witness: pass its vkey/);
  expect(await run('--log', 'x')).toMatch(/^1 recant: x is not a log’s vkey/);
  expect(await run('--log', testLog().vkey, '--port', '99999')).toMatch(/^2 recant: --port: expected a number/);
  expect(await run('--log', testLog().vkey, '--name', 'a b')).toMatch(/^1 recant: .*invalid key name/);
});
