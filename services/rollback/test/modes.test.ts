import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesystemSystem } from '@recant/connector-filesystem';
import { createRecant } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ rowsMax: 8 });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const pricesOf = async (...ids: number[]): Promise<number[]> =>
  (await stage.shop.owner.query('SELECT price FROM orders WHERE id = ANY ($1) ORDER BY id', [ids])).rows.map(({ price }) => price);
const make = (input: Parameters<Stage['operator']['createPlan']>[0]) => stage.operator.createPlan(input);
const carryOut = async ({ id, digest }: { id: string; digest: string }) => {
  const run = (await stage.operator.createRun(id, digest)).id;
  return waitUntil(async () => {
    const view = await stage.operator.run(run);
    return ['finished', 'cancelled', 'waiting'].includes(view.state) ? view : undefined;
  });
};

const row = (id: number): string => `postgres://shop/public.orders/${id}`;

test('I5, I7: U12: one later change of one row keeps that row only, where an operator lets rows stay; the account and the next plan say so', async () => {
  const wide = await stage.agent('wide');
  const support = await stage.agent('support');
  await wide.sql('reprice', 'UPDATE orders SET price = 1 WHERE id <= 6');
  await support.sql('discount', 'UPDATE orders SET price = 2 WHERE id = 3');
  // Nobody's recorded work: the target names it.
  await stage.shop.owner.query('UPDATE orders SET price = 7 WHERE id = 5');
  const selection = { agents: ['wide'] };

  const refused = await make({ selection });
  expect(refused).toMatchObject({ runnable: false, body: { totals: { stays: { changed: 6 } } } });
  // The systems were asked about every mode before one is chosen: what only they know is a conflict already.
  expect(refused.body.conflicts.map(({ kind, resource }) => [kind, resource]).sort()).toEqual([
    ['drift', row(5)],
    ['later_write', row(3)],
  ]);
  expect(refused.body.alternatives).toEqual([
    { mode: 'skip', undone: 0, left: 1, dependents: 0, rows: 0, rowsStay: 6 },
    { mode: 'skip', partial: true, undone: 1, left: 0, dependents: 0, rows: 4, rowsStay: 2 },
    { mode: 'cascade', undone: 0, left: 1, dependents: 0, rows: 0, rowsStay: 6 },
    { mode: 'cascade', partial: true, undone: 1, left: 0, dependents: 1, rows: 5, rowsStay: 1 },
    { mode: 'force', undone: 1, left: 0, dependents: 0, forced: 1, overwrites: 2, rows: 6, rowsStay: 0 },
  ]);
  // The rows that are listed are those that are counted.
  expect((await stage.operator.planRows(refused.id)).counts).toEqual({ stays: 6 });
  expect((await make({ selection, mode: 'skip' })).body).toMatchObject({ steps: [], left: [{ reason: 'skipped' }] });
  await expect(make({ selection, partial: true })).rejects.toMatchObject({ problem: { code: 'plan_mode_invalid' } });

  const plan = await make({ selection, mode: 'skip', partial: true });
  expect(plan).toMatchObject({
    runnable: true,
    body: { partial: true, steps: [{ stays: 2 }], left: [] },
  });
  expect(plan.body.conflicts.map(({ kind, resource }) => [kind, resource]).sort()).toEqual([
    ['drift', row(5)],
    ['later_write', row(3)],
  ]);
  const run = await carryOut(plan);
  expect(run).toMatchObject({
    state: 'finished',
    account: { selected: 1, outcomes: { restored: 1 }, left: { skipped: 1 }, rowsStay: 2, verdict: 'partly_restored' },
  });
  expect(await pricesOf(1, 2, 3, 4, 5, 6)).toEqual([100, 100, 2, 100, 7, 100]);
  const none = { created: 0, deleted: 0, changed: 0 };
  const did = { undone: { ...none, changed: 4 }, failed: none, stays: { ...none, changed: 2 } };
  expect(await stage.operator.runTotals(run.id)).toEqual({
    ...did,
    scopes: [{ scope: 'postgres://shop/public.orders/', ...did }],
    scopesMore: 0,
  });

  // The attempt is not undone: its rows that stay are a conflict, never `already_undone`.
  const again = await make({ selection });
  expect(again.body).toMatchObject({ steps: [], left: [{ reason: 'skipped' }], totals: { stays: { changed: 2 } } });
  expect(again.runnable).toBe(false);
  expect((await stage.operator.planRows(again.id)).items.map(({ resource }) => resource).toSorted()).toEqual([3, 5].map(row));

  const back = await make({ selection: { runs: [run.id] } });
  expect(await carryOut(back)).toMatchObject({ account: { verdict: 'fully_restored' } });
  expect(await pricesOf(1, 2, 3, 4, 5, 6)).toEqual([1, 1, 2, 1, 7, 1]);
  expect(await stage.audit()).toEqual([]);
});

test('the totals of a run are what it did: steps that it did not undo are no success of the plan', async () => {
  const late = await stage.agent('late');
  await late.sql('reprice', 'UPDATE orders SET price = 1 WHERE id IN (11, 12)');
  await late.sql('remove', 'DELETE FROM orders WHERE id = 13');
  await late.sql('reprice', 'UPDATE orders SET price = 2 WHERE id = 14');
  const plan = await make({ selection: { agents: ['late'] }, mode: 'skip', partial: true });
  await stage.shop.owner.query('UPDATE orders SET price = 9 WHERE id = 12');
  const run = await carryOut(plan);
  expect(run).toMatchObject({ account: { outcomes: { conflicted: 1, restored: 2 }, verdict: 'partly_restored' } });
  const none = { created: 0, deleted: 0, changed: 0 };
  expect(await stage.operator.runTotals(run.id)).toMatchObject({
    undone: { ...none, deleted: 1, changed: 1 },
    failed: { ...none, changed: 2 },
    stays: none,
  });
  await expect(stage.operator.runTotals('no-such-run')).rejects.toMatchObject({ problem: { code: 'run_unknown' } });
  // A row that an attempt without a step wrote as well stays in any case: it counts once.
  const again = await make({ selection: { agents: ['late'] }, mode: 'skip' });
  expect(again.body).toMatchObject({ totals: { stays: { changed: 2 } } });
  expect(await pricesOf(11, 12, 13, 14)).toEqual([1, 9, 100, 100]);
});

test('cascade undoes those who wrote the same rows later, to any depth, and nobody else', async () => {
  const [first, second, third, apart] = await Promise.all(['first', 'second', 'third', 'apart'].map((name) => stage.agent(name)));
  await first?.sql('reprice', 'UPDATE orders SET price = 1 WHERE id IN (21, 22)');
  await second?.sql('double', 'UPDATE orders SET price = price * 2 WHERE id IN (22, 23)');
  await third?.sql('add', 'UPDATE orders SET price = price + 5 WHERE id = 23');
  await apart?.sql('touch', 'UPDATE orders SET price = 9 WHERE id = 24');
  const selection = { agents: ['first'] };
  await expect(make({ selection, mode: 'skip', cascadeReads: true })).rejects.toMatchObject({ problem: { code: 'plan_mode_invalid' } });
  expect((await make({ selection, mode: 'skip' })).body.steps).toEqual([]);

  const plan = await make({ selection, mode: 'cascade' });
  expect(plan.body.steps.map(({ agent, cascaded }) => [agent, cascaded ?? false])).toEqual([
    ['third', true],
    ['second', true],
    ['first', false],
  ]);
  expect(await carryOut(plan)).toMatchObject({
    account: { selected: 1, cascaded: 2, outcomes: { restored: 3 }, verdict: 'fully_restored' },
  });
  expect(await pricesOf(21, 22, 23, 24)).toEqual([100, 100, 100, 9]);
});

test('a plan in mode cascade is stale once another attempt depends on its steps', async () => {
  const [base, next] = await Promise.all(['base', 'next'].map((name) => stage.agent(name)));
  await base?.sql('reprice', 'UPDATE orders SET price = 1 WHERE id = 31');
  await next?.sql('double', 'UPDATE orders SET price = price * 2 WHERE id = 31');
  const plan = await make({ selection: { agents: ['base'] }, mode: 'cascade' });
  await next?.sql('double', 'UPDATE orders SET price = price * 2 WHERE id = 31');
  await expect(stage.operator.createRun(plan.id, plan.digest)).rejects.toMatchObject({ problem: { code: 'plan_stale' } });
  expect(await pricesOf(31)).toEqual([4]);
});

test('a file that somebody saved since stays, and the other files of its attempt go back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'recant-partial-'));
  const root = join(folder, 'notes');
  await mkdir(root);
  const files = filesystemSystem({ name: 'files', root });
  const writer = createRecant({
    url: stage.url,
    apiKey: await stage.makeKey({ sourcePrefix: 'recant://writer', agents: ['writer'] }),
    agent: 'writer',
    systems: [files],
  });
  try {
    await stage.operator.registerSystem({ name: 'files', connector: 'filesystem', options: { root } });
    await writer.action('write', {}, async (context) => {
      for (const name of ['one', 'two', 'three']) await context.on(files).writeFile(`${name}.txt`, 'written');
    });
    await writer.close();
    await writeFile(join(root, 'two.txt'), 'saved by a person');

    const plan = await make({ selection: { agents: ['writer'] }, mode: 'skip', partial: true });
    expect(plan.body.steps).toMatchObject([{ stays: 1 }]);
    expect((await stage.operator.planRows(plan.id, { fate: 'stays' })).items).toMatchObject([{ resource: 'filesystem://files/two.txt' }]);
    expect(await carryOut(plan)).toMatchObject({ account: { outcomes: { restored: 1 }, rowsStay: 1, verdict: 'partly_restored' } });
    expect(await readFile(join(root, 'two.txt'), 'utf8')).toBe('saved by a person');
    for (const name of ['one', 'three']) await expect(readFile(join(root, `${name}.txt`))).rejects.toMatchObject({ code: 'ENOENT' });
  } finally {
    await files.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test('a run that changes more rows than the limit needs their number, which its act records', async () => {
  const many = await stage.agent('many');
  await many.sql('reprice', 'UPDATE orders SET price = 1 WHERE id BETWEEN 41 AND 50');
  const { id, digest } = await make({ selection: { agents: ['many'] } });
  for (const rows of [undefined, 9, 11])
    await expect(stage.operator.createRun(id, digest, rows === undefined ? {} : { rows })).rejects.toMatchObject({
      problem: { code: 'run_too_large', detail: expect.stringContaining('expected `rows` 10') },
    });
  expect(await pricesOf(41, 50)).toEqual([1, 1]);
  const run = await stage.operator.createRun(id, digest, { rows: 10 });
  await waitUntil(async () => (await stage.operator.run(run.id)).state === 'finished');
  expect(await pricesOf(41, 50)).toEqual([100, 100]);
  const act = await waitUntil(async () =>
    (await stage.operator.acts()).items
      .map(({ event }) => event.data as { operation: string; object: { run?: string }; detail?: unknown })
      .find(({ operation, object }) => operation === 'createRun' && object.run === run.id),
  );
  expect(act.detail).toMatchObject({ rows: 10, rowsMax: 8 });
});
