import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FilesystemSystem, filesystemSystem } from '@recant/connector-filesystem';
import { createRecant } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

let stage: Stage;
let folder: string;
let root: string;
const opened: FilesystemSystem[] = [];
beforeAll(async () => {
  stage = await createStage();
  folder = await mkdtemp(join(tmpdir(), 'recant-force-'));
  root = join(folder, 'notes');
  await mkdir(root);
  await stage.operator.registerSystem({ name: 'notes', connector: 'filesystem', options: { root } });
}, 120_000);
afterAll(async () => {
  for (const files of opened) await files.close();
  await stage?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** One action of an agent that writes these files. */
async function write(agent: string, contents: Readonly<Record<string, string>>): Promise<void> {
  const files = filesystemSystem({ name: 'notes', root });
  opened.push(files);
  const apiKey = await stage.makeKey({ sourcePrefix: `recant://${agent}`, agents: [agent] });
  const recant = createRecant({ url: stage.url, apiKey, agent, systems: [files] });
  await recant.open();
  await recant.action('edit', {}, async (context) => {
    for (const [name, content] of Object.entries(contents)) await context.on(files).writeFile(name, content);
  });
  await recant.close();
}
const textOf = (name: string): Promise<string> => readFile(join(root, name), 'utf8');
const force = (agent: string) => stage.withReason('agreed with the authors').createPlan({ selection: { agents: [agent] }, mode: 'force' });
const carryOut = async ({ id, digest }: { id: string; digest: string }) => {
  const run = (await stage.operator.createRun(id, digest)).id;
  return waitUntil(async () => {
    const view = await stage.operator.run(run);
    return ['finished', 'waiting'].includes(view.state) ? view : undefined;
  });
};

test('I5: force overwrites later contents of files, names each and whose it is; a rollback of that run restores the others’ contents', async () => {
  for (const name of ['by-helper', 'by-person', 'alone']) await writeFile(join(root, name), `old ${name}`);
  await write('bad', { 'by-helper': 'bad', 'by-person': 'bad', alone: 'bad', made: 'bad' });
  await write('helper', { 'by-helper': 'by the helper' });
  await writeFile(join(root, 'by-person'), 'saved by a person');
  await writeFile(join(root, 'made'), 'continued by a person');
  const refusing = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  expect(refusing).toMatchObject({ runnable: false, body: { steps: [] } });

  const plan = await force('bad');
  const of = (name: string) => plan.body.overwrites.find(({ resource }) => resource === `filesystem://notes/${name}`);
  expect([plan.runnable, plan.body.conflicts, plan.body.overwrites.length]).toEqual([true, [], 3]);
  expect(of('by-helper')).toMatchObject({
    part: 'content',
    by: { agent: 'helper', tool: 'edit' },
    who: expect.stringMatching(/^recant:\/\/helper/),
  });
  for (const name of ['by-person', 'made']) {
    expect(of(name)).toMatchObject({ part: 'content', who: expect.stringMatching(/^a process outside Recant at \d{4}-/) });
    expect(of(name)).not.toHaveProperty('by');
  }
  const run = await carryOut(plan);
  expect(run.account).toMatchObject({ outcomes: { restored: 1 }, overwritten: 3, verdict: 'restored_unverified' });
  const [step] = (await stage.operator.runSteps(run.id)).items;
  expect(step?.findings.map(({ code, writer }) => [code, writer?.isUncaptured ?? false])).toEqual([
    ['overwritten', false],
    ['overwritten', true],
    ['overwritten', true],
  ]);
  expect([await textOf('by-helper'), await textOf('by-person'), await textOf('alone')]).toEqual([
    'old by-helper',
    'old by-person',
    'old alone',
  ]);
  await expect(textOf('made')).rejects.toMatchObject({ code: 'ENOENT' });

  const back = await carryOut(await stage.operator.createPlan({ selection: { runs: [run.id] } }));
  expect(back.account).toMatchObject({ outcomes: { restored: 1 } });
  expect([await textOf('by-helper'), await textOf('by-person'), await textOf('alone'), await textOf('made')]).toEqual([
    'by the helper',
    'saved by a person',
    'bad',
    'continued by a person',
  ]);
  expect(await stage.audit()).toEqual([]);
});

test('I5: force overwrites no file that somebody saves after the plan, and nothing where a link is', async () => {
  for (const name of ['late', 'linked']) await writeFile(join(root, name), 'old');
  await write('hasty', { late: 'bad' });
  await write('hasty', { linked: 'bad' });
  await writeFile(join(root, 'late'), 'saved');
  await rm(join(root, 'linked'));
  await writeFile(join(folder, 'outside'), 'outside');
  await symlink(join(folder, 'outside'), join(root, 'linked'));
  const plan = await force('hasty');
  expect(plan.body).toMatchObject({
    steps: [{ overwrites: 1 }],
    conflicts: expect.arrayContaining([
      expect.objectContaining({ kind: 'drift', resource: 'filesystem://notes/linked', detail: expect.stringContaining('A symbolic link') }),
    ]),
  });
  await writeFile(join(root, 'late'), 'saved again');
  expect((await carryOut(plan)).account).toMatchObject({ outcomes: { conflicted: 1 }, verdict: 'not_restored' });
  expect([await textOf('late'), await readFile(join(folder, 'outside'), 'utf8')]).toEqual(['saved again', 'outside']);
});
