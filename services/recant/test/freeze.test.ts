import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@recant/client';
import { filesystemSystem } from '@recant/connector-filesystem';
import { createRecant } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, type LedgerFolder, ledgerFolder, recantHere, type Up, up } from './process.ts';

let folder: LedgerFolder;
let service: Up;
let root: string;
let agentKey: string;

beforeAll(async () => {
  folder = await ledgerFolder();
  root = join(folder.path, 'notes');
  await mkdir(root);
  service = await up(folder.path, ['--agent-lease', '2000'], folder.env);
  agentKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  expect(await run('connect', 'filesystem', 'notes', '--root', root, '--store', join(folder.path, 'images'))).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await service?.end('SIGTERM');
  await folder.remove();
});

const run = (...args: string[]): Promise<Ended> => recantHere(join(folder.path, '.recant'), args);

test('freeze stops an agent and says when and why, thaw lets it go on; a target is needed, and exactly one', async () => {
  const notes = filesystemSystem({ name: 'notes', root, store: join(folder.path, 'images') });
  const recorder = createRecant({ url: service.url, apiKey: agentKey, agent: 'hasty', systems: [notes] });
  const act = () => recorder.action('write_file', {}, (context) => context.on(notes).writeFile('c', 'hasty was here\n'));
  await act();
  expect(await run('freeze', '--agent', 'hasty', '--reason', 'too fast')).toMatchObject({
    code: 0,
    out: expect.stringMatching(
      /frozen +agent hasty +since .* effective after \d+\.\d s\n.*: too fast\n {2}freeze [0-9a-f-]{36}\n {2}No action is running/,
    ),
  });
  await expect(act()).rejects.toMatchObject({ code: 'frozen', message: expect.stringContaining('too fast') });
  expect(await run('frozen')).toMatchObject({ code: 0, out: expect.stringContaining('agent hasty') });
  expect(JSON.parse((await run('frozen', '--json')).out)).toMatchObject({
    items: [{ scope: 'agent', value: 'hasty', reason: 'too fast' }],
  });
  expect(await run('thaw', '--agent', 'hasty', '--reason', 'slower now')).toMatchObject({
    code: 0,
    out: expect.stringContaining('slower now'),
  });
  expect(await run('thaw', '--agent', 'hasty', '--reason', 'again')).toMatchObject({
    code: 3,
    err: expect.stringContaining('agent hasty is not frozen'),
  });
  await waitUntil(() =>
    act().then(
      () => true,
      () => false,
    ),
  );
  for (const args of [['freeze'], ['freeze', '--agent', 'a', '--tool', 'b'], ['thaw'], ['thaw', 'x', '--agent', 'a']])
    expect((await run(...args, '--reason', 'r')).code, args.join(' ')).toBe(2);
  expect((await run('freeze', '--agent', 'a')).code).toBe(2);
  await recorder.close();
  await notes.close();
});

test('the length of a lease is configured: recorders may go on that long without an answer', async () => {
  const agent = createClient({ url: service.url, apiKey: agentKey });
  expect(await agent.lease({ source: 'recant://asks/1', agent: 'asks', applied: 0 })).toMatchObject({ leaseMs: 2_000 });
});
