import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const REASON = 'agreed with support';
type Input = Parameters<Stage['operator']['createPlan']>[0];
const pricesOf = async (...ids: number[]): Promise<number[]> =>
  (await stage.shop.owner.query('SELECT price FROM orders WHERE id = ANY ($1) ORDER BY id', [ids])).rows.map(({ price }) => price);
const make = (input: Input) => stage.operator.createPlan(input);
const force = (input: Input) => stage.withReason(REASON).createPlan(input);
const carryOut = async ({ id, digest }: { id: string; digest: string }) => {
  const run = (await stage.operator.createRun(id, digest)).id;
  return waitUntil(async () => {
    const view = await stage.operator.run(run);
    return ['finished', 'cancelled', 'waiting'].includes(view.state) ? view : undefined;
  });
};
const actOf = (operation: string, named: Record<string, unknown>) =>
  waitUntil(async () =>
    (await stage.operator.acts()).items
      .map(({ event }) => event.data as { operation: string; object: Record<string, unknown>; detail?: unknown; reason?: string })
      .find((act) => act.operation === operation && Object.entries(named).every(([name, value]) => act.object[name] === value)),
  );
/** As nobody can whom the capture is to witness. */
async function pastCapture(sql: string): Promise<void> {
  const triggers = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal AND tgenabled = 'A'";
  const { rows } = await stage.shop.owner.query<{ tgname: string }>(triggers);
  const set = (how: string) => rows.map(({ tgname }) => `ALTER TABLE orders ${how} TRIGGER "${tgname}"`).join('; ');
  await stage.shop.owner.query(`BEGIN; ${set('DISABLE')}; ${sql}; ${set('ENABLE ALWAYS')}; COMMIT`);
}
const row = (id: number): string => `postgres://shop/public.orders/${id}`;
const write = async (agent: string, sql: string) => (await stage.agent(agent)).sql('reprice', sql);

test('force overwrites what others wrote later, by an agent and by a login that nothing recorded; plan, account and acts name each value', async () => {
  await write('bad', 'UPDATE orders SET price = 1 WHERE id BETWEEN 1 AND 3');
  await write('support', 'UPDATE orders SET price = 2 WHERE id = 1');
  await stage.shop.owner.query('UPDATE orders SET price = 3 WHERE id = 2');
  const login = new URL(stage.shop.ownerUrl).username;
  const selection = { agents: ['bad'] };
  await expect(make({ selection, mode: 'force' })).rejects.toMatchObject({ problem: { code: 'force_without_reason' } });

  const plan = await force({ selection, mode: 'force' });
  expect(plan).toMatchObject({
    runnable: true,
    body: {
      conflicts: [],
      left: [],
      steps: [{ overwrites: 2 }],
      overwrites: [
        {
          step: 1,
          resource: row(1),
          part: 'price',
          by: { agent: 'support', tool: 'reprice' },
          detail: expect.stringContaining('price is 2 now'.replace('2', "'2'")),
        },
        { step: 1, resource: row(2), part: 'price', who: expect.stringContaining(`login ${login} at `) },
      ],
    },
  });
  expect(plan.body.overwrites[1]).not.toHaveProperty('by');
  const run = await carryOut(plan);
  expect(run.account).toMatchObject({
    overwritten: 2,
    outcomes: { restored: 1 },
    verdict: 'restored_unverified',
    unverified: { overwritten: 1 },
  });
  expect((await stage.operator.runs()).items[0]?.account).toMatchObject({ overwritten: 2, verdict: 'restored_unverified' });
  expect((await stage.operator.runSteps(run.id)).items[0]?.findings).toMatchObject([
    { code: 'overwritten', resource: row(1), part: 'price', detail: expect.stringContaining('written later by') },
    { code: 'overwritten', resource: row(2), part: 'price', detail: expect.stringContaining(`login ${login}`) },
  ]);
  expect(await pricesOf(1, 2, 3)).toEqual([100, 100, 100]);
  for (const [operation, named] of [
    ['createPlan', { plan: plan.id }],
    ['createRun', { run: run.id }],
  ] as const)
    expect((await actOf(operation, named)).detail, operation).toMatchObject({
      mode: 'force',
      overwrites: 2,
      of: ['support', expect.stringContaining(login)],
    });
  expect((await actOf('createPlan', { plan: plan.id })).reason).toBe(REASON);

  // The overwritten values are the run's own *before*: undoing it brings them back.
  expect((await carryOut(await make({ selection: { runs: [run.id] } }))).account.verdict).toBe('fully_restored');
  expect(await pricesOf(1, 2, 3)).toEqual([2, 3, 1]);
  expect(await stage.audit()).toEqual([]);
});

test('I5: force overwrites exactly what the plan names: a value that somebody writes after the plan stays, as does an equal one', async () => {
  await write('late', 'UPDATE orders SET price = 1 WHERE id = 11');
  await write('late', 'UPDATE orders SET price = 1 WHERE id = 12');
  await write('late', 'UPDATE orders SET price = 1 WHERE id = 13');
  await stage.shop.owner.query('UPDATE orders SET price = 5 WHERE id BETWEEN 11 AND 13');
  const plan = await force({ selection: { agents: ['late'] }, mode: 'force' });
  expect(plan.body.steps).toHaveLength(3);
  await stage.shop.owner.query('UPDATE orders SET price = 6 WHERE id = 11');
  // The same value again, by a write that nobody has seen.
  await stage.shop.owner.query('UPDATE orders SET price = 7 WHERE id = 12');
  await stage.shop.owner.query('UPDATE orders SET price = 5 WHERE id = 12');
  const run = await carryOut(plan);
  expect(run.account).toMatchObject({ outcomes: { restored: 1, conflicted: 2 }, overwritten: 1, verdict: 'partly_restored' });
  expect(await pricesOf(11, 12, 13)).toEqual([6, 5, 100]);
});

test('I5: force never overwrites what the target did not capture, a row that is gone, or a table that is not captured', async () => {
  const { owner } = stage.shop;
  await write('deep', 'UPDATE orders SET price = 1 WHERE id = 21');
  await write('deep', 'UPDATE orders SET price = 1 WHERE id = 22');
  await write('deep', 'UPDATE orders SET price = 1 WHERE id = 23');
  await write('deep', "INSERT INTO orders VALUES (924, 'new', 4)");
  await write('helper', 'UPDATE orders SET price = 5 WHERE id = 21');
  await pastCapture('UPDATE orders SET price = 6 WHERE id IN (21, 22)');
  await owner.query('DELETE FROM orders WHERE id = 23');
  await owner.query(
    "CREATE TABLE notes (orders int REFERENCES orders ON DELETE CASCADE, note text); INSERT INTO notes VALUES (924, 'of a person')",
  );
  await owner.query('UPDATE orders SET price = 9 WHERE id = 924');
  const plan = await force({ selection: { agents: ['deep'] }, mode: 'force' });
  expect(plan.body.steps, JSON.stringify(plan.body)).toEqual([]);
  expect(new Set(plan.body.conflicts.map(({ resource, kind }) => `${resource} ${kind}`)), JSON.stringify(plan.body.conflicts)).toEqual(
    new Set([`${row(21)} drift`, `${row(22)} drift`, `${row(23)} drift`, `${row(924)} reaches_uncaptured`]),
  );
  await owner.query('DROP TABLE notes');
});

test('single steps have modes of their own: force and skip in a plan that refuses, skip in one that forces; they are part of the digest', async () => {
  await write('mixed', 'UPDATE orders SET price = 1 WHERE id = 31');
  await (await stage.agent('mixed')).sql('discount', 'UPDATE orders SET price = 1 WHERE id = 32');
  await (await stage.agent('mixed')).sql('raise', 'UPDATE orders SET price = 1 WHERE id = 33');
  for (const id of [31, 32]) await write('other', `UPDATE orders SET price = 2 WHERE id = ${id}`);
  const selection = { agents: ['mixed'] };
  const forced = { mode: 'force' as const, where: 'tool = reprice' };
  const skipped = { mode: 'skip' as const, where: 'tool = discount' };
  await expect(make({ selection, overrides: [forced] })).rejects.toMatchObject({ problem: { code: 'force_without_reason' } });
  await expect(make({ selection, overrides: [{ mode: 'skip', where: 'tool = reprise' }] })).rejects.toMatchObject({
    problem: { code: 'override_unmatched', detail: expect.stringContaining('reprise') },
  });
  await expect(make({ selection, overrides: [skipped, { mode: 'cascade', where: 'agent = mixed' }] })).rejects.toMatchObject({
    problem: { code: 'override_ambiguous', detail: expect.stringContaining('discount') },
  });

  const one = await force({ selection, overrides: [forced] });
  expect(one).toMatchObject({ runnable: false, body: { conflicts: [{ tool: 'discount' }], overrides: [{ mode: 'force', attempts: 1 }] } });
  const both = await force({ selection, overrides: [forced, skipped] });
  expect(both).toMatchObject({
    runnable: true,
    body: { mode: 'refuse', left: [{ tool: 'discount', reason: 'skipped' }], conflicts: [{ tool: 'discount', passed: true }] },
  });
  expect(both.digest).not.toBe(one.digest);
  expect((await force({ selection, mode: 'force', overrides: [skipped] })).body.steps.map(({ tool }) => tool).sort()).toEqual([
    'raise',
    'reprice',
  ]);
  expect((await make({ selection, mode: 'skip', overrides: [{ mode: 'cascade', where: 'tool = discount' }] })).body.steps).toMatchObject([
    { tool: 'reprice', agent: 'other', cascaded: true },
    { tool: 'raise' },
    { tool: 'discount' },
  ]);
  expect((await carryOut(both)).account).toMatchObject({
    overwritten: 1,
    outcomes: { restored: 2 },
    left: { skipped: 1 },
    verdict: 'partly_restored',
  });
  expect(await pricesOf(31, 32, 33)).toEqual([100, 2, 100]);
});

test('a chain of forced steps under and over the work of others goes back to where it began; a step that is not forced stays under it', async () => {
  for (const price of [1, 2]) await write('chain', `UPDATE orders SET price = ${price} WHERE id = 41`);
  await write('between', 'UPDATE orders SET price = 3 WHERE id = 41');
  await (await stage.agent('chain')).sql('last', 'UPDATE orders SET price = 4 WHERE id = 41');
  await write('above', 'UPDATE orders SET price = 5 WHERE id = 41');
  const selection = { agents: ['chain'] };
  const last = await force({ selection, mode: 'skip', overrides: [{ mode: 'force', where: 'tool = last' }] });
  expect(last.body).toMatchObject({ steps: [{ tool: 'last', overwrites: 1 }], overwrites: [{ by: { agent: 'above' } }] });
  const all = await force({ selection, mode: 'force' });
  expect(all.body.overwrites.map(({ step, by }) => [step, by?.agent]).sort()).toEqual([1, 2, 3].map((step) => [step, 'above']));
  expect((await carryOut(all)).account).toMatchObject({ outcomes: { restored: 3 }, overwritten: 3 });
  expect(await pricesOf(41)).toEqual([100]);
});

test('force removes a row that others changed, and puts a deleted row’s values into the one that others made since', async () => {
  await write('rows', "INSERT INTO orders VALUES (951, 'made', 4)");
  await write('rows', 'DELETE FROM orders WHERE id = 51');
  await write('helper', 'UPDATE orders SET price = 8 WHERE id = 951');
  await write('helper', "INSERT INTO orders VALUES (51, 'again', 9)");
  const plan = await force({ selection: { agents: ['rows'] }, mode: 'force' });
  expect(new Set(plan.body.overwrites.map(({ resource, part, by }) => `${resource} ${part} ${by?.agent}`))).toEqual(
    new Set([`${row(951)} exists helper`, `${row(951)} price helper`, `${row(51)} state helper`, `${row(51)} price helper`]),
  );
  expect((await carryOut(plan)).account).toMatchObject({ outcomes: { restored: 2 }, overwritten: 4 });
  expect((await stage.shop.owner.query('SELECT id, state, price FROM orders WHERE id IN (51, 951)')).rows).toEqual([
    { id: 51, state: 'open', price: 100 },
  ]);
  expect(await stage.audit()).toEqual([]);
});
