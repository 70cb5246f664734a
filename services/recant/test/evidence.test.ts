import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { filesystemSystem } from '@recant/connector-filesystem';
import { createRecant } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, type LedgerFolder, ledgerFolder, recant, recantHere, type Up, up } from './process.ts';

let folder: LedgerFolder;
let service: Up;
let kept: string;

beforeAll(async () => {
  folder = await ledgerFolder();
  kept = join(folder.path, 'kept');
  const root = join(folder.path, 'notes');
  await mkdir(root);
  await mkdir(kept);
  await writeFile(join(root, 'a'), 'a\n');
  service = await up(folder.path, [], { ...folder.env, RECANT_ANCHOR_DIR: kept });
  const agentKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  const notes = filesystemSystem({ name: 'notes', root, store: join(folder.path, 'images') });
  const client = createRecant({ url: service.url, apiKey: agentKey, agent: 'writer', systems: [notes] });
  await client.open();
  await client.action('write_file', {}, (context) => context.on(notes).writeFile('a', 'b\n'));
  await client.close();
  await notes.close();
}, 180_000);
afterAll(async () => {
  await service?.end('SIGTERM');
  await folder.remove();
});

const run = (...args: string[]): Promise<Ended> => recantHere(join(folder.path, '.recant'), args);
const at = (name: string): string => join(folder.path, name);

/** Waits until everything is signed (within a second): opened, intended, effects, settled, closed. */
async function exportAll(name: string): Promise<void> {
  await waitUntil(async () => {
    await rm(at(name), { force: true });
    if ((await run('export', '--out', at(name))).code !== 0) return false;
    return (await readFile(at(name))).includes('{"agent":"writer","data":{"reason":"closed"}');
  });
}

test('a whole ledger, a log and a bundle verify, and say what they were compared with', async () => {
  await exportAll('all.recant');
  expect(await run('export', '--out', at('all.recant'))).toMatchObject({ code: 3 });
  const ledger = await run('verify');
  expect(ledger, ledger.err).toMatchObject({ code: 0, out: expect.stringMatching(/^Sound\./) });
  // Offline: without service or folder, only with the file.
  const offline = await recant('/', ['verify', at('all.recant')], { RECANT_DIR: '/nonexistent' });
  expect(offline, offline.err).toMatchObject({ code: 0, out: expect.stringContaining('not checked against keys that you trust') });
  const { keys } = JSON.parse((await run('verify', at('all.recant'), '--json')).out) as { keys: string[] };
  expect(await run('verify', at('all.recant'), '--vkey', keys[0] ?? '')).toMatchObject({ code: 0 });
  const shard = await shardOf();
  const log = await run('verify', '--log', shard);
  expect(log, log.err).toMatchObject({ code: 0 });
  expect(await run('export', '--out', at('one.recant'), '--shard', shard, '--from', '2')).toMatchObject({ code: 0 });
  expect(await run('verify', at('one.recant'))).toMatchObject({ code: 0 });
});

test('an export is recorded before the file gets its name: caller, range and digest of the file', async () => {
  await exportAll('first.recant');
  const sha256 = createHash('sha256')
    .update(await readFile(at('first.recant')))
    .digest('hex');
  await waitUntil(async () => {
    await rm(at('second.recant'), { force: true });
    if ((await run('export', '--out', at('second.recant'))).code !== 0) return false;
    return (await readFile(at('second.recant'))).includes(`"sha256":"${sha256}"`);
  });
  const second = (await readFile(at('second.recant'))).toString('latin1');
  const [act] = second.match(/\{"act":"[^"]+","actor":\{[^{}]*\}[^\n]*?"operation":"export"/) ?? [];
  expect(act).toContain(`"actor":{"id":"local:${userInfo().username}"}`);
  expect(await run('verify', at('second.recant'))).toMatchObject({ code: 0 });
});

test('a matching anchor is counted, a changed byte is named, a missing file is neither', async () => {
  await exportAll('anchored.recant');
  await waitUntil(async () => (await readdir(kept, { recursive: true })).some((name) => name.endsWith('.checkpoint')));
  const anchored = await run('verify', at('anchored.recant'), '--anchor', kept);
  expect(anchored, anchored.err).toMatchObject({ code: 0, out: expect.stringContaining('saved elsewhere') });
  const bytes = await readFile(at('anchored.recant'));
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  await writeFile(at('changed.recant'), bytes);
  const changed = await run('verify', at('changed.recant'));
  expect(changed).toMatchObject({ code: 6, out: expect.stringMatching(/^Not sound: [a-z_]+/) });
  expect(await run('verify', at('missing.recant'))).toMatchObject({ code: 1 });
  expect(await run('verify', at('changed.recant'), '--log', '1')).toMatchObject({ code: 2 });
});

async function shardOf(): Promise<string> {
  const header = (await readFile(at('all.recant'))).subarray(0, 4_096).toString('latin1');
  const found = [...header.matchAll(/"shard":([0-9]+),"shards":[0-9]+,"size":"([0-9]+)"/g)].sort((a, b) => Number(b[2]) - Number(a[2]));
  return found[0]?.[1] ?? '0';
}
