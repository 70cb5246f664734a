import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filesystemSystem } from '@recant/connector-filesystem';
import { createRecant } from '@recant/sdk';
import { afterEach, expect, test } from 'vitest';
import { ledgerFolder, recantHere, type Up, up } from './process.ts';

const FILES = Array.from({ length: 25 }, (_, n) => `file-${n}`);

const running: Up[] = [];
afterEach(async () => {
  for (const one of running) if (one.child.exitCode === null && one.child.signalCode === null) await one.end('SIGTERM');
});

test('a run interrupted by kill -9 resumes at the next start, and ends as if not interrupted', async () => {
  const folder = await ledgerFolder();
  const [dir, root, store] = [join(folder.path, '.recant'), join(folder.path, 'root'), join(folder.path, 'images')];
  await mkdir(root);
  for (const file of FILES) await writeFile(join(root, file), 'before\n');
  const first = await up(folder.path, [], folder.env);
  running.push(first);
  expect(await recantHere(dir, ['connect', 'filesystem', 'root', '--root', root, '--store', store])).toMatchObject({ code: 0 });

  const system = filesystemSystem({ name: 'root', root, store });
  const recant = createRecant({
    url: first.url,
    apiKey: /agents\s+(recant_\S+)/.exec(first.out)?.[1] ?? '',
    agent: 'bot',
    systems: [system],
  });
  await recant.open();
  for (const file of FILES) await recant.action('write', {}, (context) => context.on(system).writeFile(file, 'after\n'));
  await recant.close();
  await system.close();

  const plan = JSON.parse((await recantHere(dir, ['plan', '--agent', 'bot', '--json'])).out) as { id: string };
  const started = JSON.parse((await recantHere(dir, ['run', plan.id, '--yes', '--detach', '--json'])).out) as { id: string };
  expect(await first.end('SIGKILL')).toBe('SIGKILL');

  const second = await up(folder.path, [], folder.env);
  running.push(second);
  const ended = await recantHere(dir, ['status', started.id, '--wait', '--json', '--accept-claimed']);
  expect(ended, ended.err).toMatchObject({ code: 0 });
  expect(JSON.parse(ended.out)).toMatchObject({
    state: 'finished',
    account: { verdict: 'restored_unverified', outcomes: { restored: FILES.length } },
  });
  const watched = await recantHere(dir, ['run', 'watch', started.id]);
  expect(watched).toMatchObject({ code: 5, out: expect.stringContaining('Restored, unverified.') });
  expect(watched.err).toBe(`Run ${started.id}: finished, 25 of 25 steps (25 restored)\n`);
  const snapshots = (await recantHere(dir, ['run', 'watch', started.id, '--json'])).out.trimEnd().split('\n');
  expect(snapshots.map((line) => JSON.parse(line).outcomes)).toEqual([{ restored: FILES.length }]);
  for (const file of FILES) expect(await readFile(join(root, file), 'utf8')).toBe('before\n');
  expect(await second.end('SIGTERM')).toBe(0);
  await folder.remove();
}, 180_000);
