import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filesystemSystem } from '@recant/connector-filesystem';
import { createRecant, type RecantError } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, type LedgerFolder, ledgerFolder, recantHere, type Up, up } from './process.ts';

let folder: LedgerFolder;
let service: Up;
let root: string;
let agentKey: string;
const FILES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

beforeAll(async () => {
  folder = await ledgerFolder();
  root = join(folder.path, 'notes');
  await mkdir(root);
  for (const name of FILES) await writeFile(join(root, name), `${name}\n`);
  service = await up(folder.path, [], folder.env);
  agentKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  expect(await run('connect', 'filesystem', 'notes', '--root', root, '--store', join(folder.path, 'images'))).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await service?.end('SIGTERM');
  await folder.remove();
});

const run = (...args: string[]): Promise<Ended> => recantHere(join(folder.path, '.recant'), args);
async function read<T>(...args: string[]): Promise<T> {
  const { out, err } = await run(...args, '--json');
  expect(out, err).not.toBe('');
  return JSON.parse(out) as T;
}
const content = (file: string): Promise<string> => readFile(join(root, file), 'utf8');

/** A process of an agent that writes into files; each call declares its file. */
async function writer(agent: string) {
  const notes = filesystemSystem({ name: 'notes', root, store: join(folder.path, 'images') });
  const recorder = createRecant({ url: service.url, apiKey: agentKey, agent, systems: [notes] });
  await recorder.open();
  return {
    /** @returns `ran`, or the code of the error */
    write: (tool: string, file: string) =>
      recorder
        .action(tool, { file }, (context) => context.on(notes).writeFile(file, `${agent}\n`), { resources: [`filesystem://notes/${file}`] })
        .then(
          () => 'ran',
          (error: RecantError) => error.code,
        )
        .finally(() => recorder.flush()),
    async close() {
      await recorder.close();
      await notes.close();
    },
  };
}

test('run --deadline --rate: the command says that the run paused and how to go on, a person resumes it, and everything is restored', async () => {
  const slow = await writer('slow');
  for (const file of FILES.slice(0, 6)) expect(await slow.write('write_file', file)).toBe('ran');
  await slow.close();
  const { id: plan } = await read<{ id: string }>('plan', '--agent', 'slow');
  for (const [option, value] of [
    ['--rate', '0/s'],
    ['--rate', 'fast'],
    ['--deadline', 'soon'],
    ['--deadline', '2020-01-01T00:00:00Z'],
  ] as const)
    expect((await run('run', plan, '--yes', option, value)).code, `${option} ${value}`).toBe(2);

  const paused = await run('run', plan, '--yes', '--deadline', '1s', '--rate', '2/s');
  expect(paused.code, paused.err).toBe(1);
  expect(paused.out).toMatch(/Limits: pauses at .* changes at most 2 rows and files a second\./);
  expect(paused.out).toMatch(/Waits: The run paused at its deadline, .* resume it/);
  const [, id = ''] = /Next: recant status (\S+) --do resume/.exec(paused.out) ?? [];
  const restored = async () => (await Promise.all(FILES.map(content))).filter((text) => text !== 'slow\n').length;
  expect(await restored()).toBeLessThan(FILES.length);
  expect(await read('status', id)).toMatchObject({ state: 'paused', limits: { rowsPerSecond: 2 }, waits: [{ code: 'deadline_passed' }] });

  expect((await run('status', id, '--do', 'resume')).code).toBeLessThanOrEqual(1);
  const watched = await run('run', 'watch', id);
  expect(watched.out, watched.err).toContain('Restored, unverified.');
  expect(await restored()).toBe(FILES.length);
  expect(await read('status', id)).toMatchObject({ state: 'finished', limits: { rowsPerSecond: 2 } });
  const acts = await read<{ items: { event: { data: { operation: string; detail?: object } } }[] }>('acts');
  expect(acts.items.map(({ event }) => event.data)).toContainEqual(
    expect.objectContaining({
      operation: 'createRun',
      detail: expect.objectContaining({ rowsPerSecond: 2, deadline: expect.any(String) }),
    }),
  );
});

test('run --fence: the agent repeats the call and is refused; a call that differs passes; one is allowed; the end of the fence lets it pass', async () => {
  const [wrong, heir] = [await writer('wrong'), await writer('heir')];
  expect(await wrong.write('write_file', 'g')).toBe('ran');
  const { id: plan } = await read<{ id: string }>('plan', '--agent', 'wrong');
  const ran = await run('run', plan, '--yes', '--fence', '1h', '--reason', 'wrong text');
  expect([ran.code, ran.out], ran.err).toEqual([5, expect.stringContaining('fence')]);
  expect(await content('g')).toBe('g\n');

  expect([await wrong.write('write_file', 'g'), await heir.write('write_file', 'g')]).toEqual(['fenced', 'fenced']);
  expect(await content('g')).toBe('g\n');
  expect([await wrong.write('write_file', 'h'), await heir.write('append_file', 'g')]).toEqual(['ran', 'ran']);
  const { items } = await read<{ items: { fence: string; stopped: number }[] }>('fences');
  expect(items).toMatchObject([{ tool: 'write_file', resources: ['filesystem://notes/g'], reason: 'wrong text', stopped: 2 }]);
  const fence = items[0]?.fence ?? '';
  expect(await run('fences')).toMatchObject({ code: 0, out: expect.stringContaining('stopped 2 calls') });

  expect(await run('fence', 'allow', fence, '--reason', 'checked with ann')).toMatchObject({
    code: 0,
    out: expect.stringContaining('ann'),
  });
  expect((await Promise.all([wrong.write('write_file', 'g'), heir.write('write_file', 'g')])).sort()).toEqual(['fenced', 'ran']);
  expect(await wrong.write('write_file', 'g')).toBe('fenced');
  expect(await run('unfence', fence, '--reason', 'fixed')).toMatchObject({ code: 0 });
  expect(await wrong.write('write_file', 'g')).toBe('ran');

  expect(
    await run('fence', '--tool', 'write_file', '--resource', 'filesystem://notes/g', '--for', '2s', '--reason', 'for a moment'),
  ).toMatchObject({ code: 0 });
  await waitUntil(async () => (await wrong.write('write_file', 'g')) === 'ran');
  expect(await run('unfence', fence, '--reason', 'again')).toMatchObject({ code: 3, err: expect.stringContaining('already ended') });
  await wrong.close();
  await heir.close();
});
