import { everyItem, wholePlan, wholeRun } from '@recant/client';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

let stage: Stage;
/** Somebody with the database in their hands. */
let owner: pg.Pool;
beforeAll(async () => {
  stage = await createStage();
  owner = new pg.Pool({ connectionString: stage.databaseOwnerUrl }).on('error', () => undefined);
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(async () => {
  await owner?.end();
  await stage?.[Symbol.asyncDispose]();
});

const row = (id: number): string => `postgres://shop/public.orders/${id}`;

/** One step for each of the rows, which may have changed since in the shop. */
async function planned(name: string, ids: readonly number[], mode: 'skip' | 'refuse' = 'skip') {
  const agent = await stage.agent(name);
  for (const id of ids) await agent.sql('reprice', `UPDATE orders SET price = ${id} WHERE id = ${id}`);
  const client = stage.clientOf(await stage.makeKey({ roles: ['view', 'plan', 'execute'] }));
  return { client, plan: await client.createPlan({ selection: { agents: [name] }, mode }) };
}

const finished = (id: string) =>
  waitUntil(async () => {
    const run = await stage.operator.run(id);
    return run.state === 'finished' ? run : undefined;
  });

test('a plan and its run are a header with counts, and lists in pages, each item once and without guards', async () => {
  const { client, plan } = await planned('pager', [1, 2, 3, 4, 5]);
  await stage.shop.owner.query('UPDATE orders SET price = 7000 WHERE id IN (2, 4)');
  const again = await client.createPlan({ selection: { agents: ['pager'] }, mode: 'skip' });
  expect(plan.counts).toMatchObject({ steps: 5, rows: 5, conflicts: 0, left: 0 });
  expect(again.counts).toMatchObject({ steps: 3, rows: 3, conflicts: 2, stopping: 2, left: 2, overwrites: 0 });
  expect(Object.keys(again.body).filter((key) => ['steps', 'conflicts', 'left', 'sources'].includes(key))).toEqual([]);
  expect(await client.plan(again.id)).toEqual(again);

  const page = await client.planSteps(again.id, { limit: 2 });
  expect(page).toMatchObject({
    items: [{ step: 1, systems: [{ system: 'shop', resources: 1 }], changes: [{ fate: 'restored', parts: ['price'] }] }, { step: 2 }],
    next: '2',
  });
  expect(JSON.stringify(page)).not.toMatch(/guards|knownOrdinals/);
  const steps = [];
  for await (const step of everyItem((cursor) => client.planSteps(again.id, { limit: 1, ...(cursor !== undefined && { cursor }) })))
    steps.push(step.step);
  expect(steps).toEqual([1, 2, 3]);
  expect((await client.planSteps(again.id, { cursor: '3' })).items).toEqual([]);
  for (const cursor of ['0', 'x', '-1', '1.5'])
    await expect(client.planSteps(again.id, { cursor }), cursor).rejects.toMatchObject({ problem: { code: 'cursor_invalid' } });
  const { body } = await wholePlan(client, again);
  expect(body.conflicts.map(({ resource }) => resource).sort()).toEqual([row(2), row(4)]);
  expect([body.left.length, body.steps.length, body.tainted, body.ambiguous, body.overwrites]).toEqual([2, 3, [], [], []]);
  for (const list of [client.planSteps, client.planConflicts, client.planLeft, client.planAmbiguous, client.planTainted])
    await expect(list('none')).rejects.toMatchObject({ problem: { code: 'plan_unknown' } });

  const { id } = await client.createRun(again.id, again.digest);
  const run = await finished(id);
  expect(run).toMatchObject({ steps: 3, states: { ended: 3 }, intended: 3, account: { outcomes: { restored: 3 }, left: { skipped: 2 } } });
  expect(run).not.toHaveProperty('stepList');
  expect(await client.runSteps(id, {}, { limit: 2 })).toMatchObject({
    items: [{ step: 1, agent: 'pager', systems: ['shop'] }, { step: 2 }],
    next: '2',
  });
  expect((await client.runSteps(id, { state: ['ended'], outcome: ['restored'] }, { cursor: '2' })).items).toMatchObject([{ step: 3 }]);
  expect((await client.runSteps(id, { state: ['stuck'] })).items).toEqual([]);
  expect((await client.runSteps(id, { code: 'drift' })).items).toEqual([]);
  await expect(client.runSteps('none')).rejects.toMatchObject({ problem: { code: 'run_unknown' } });
  const whole = await wholeRun(client, run);
  expect([whole.stepList.length, whole.left.length, whole.conflicts.length]).toEqual([3, 2, 2]);
});

test('I8: a plan of which a step was changed, removed, added or moved in the store is refused', async () => {
  const { client, plan } = await planned('tampered', [11, 12, 13]);
  await owner.query('ALTER TABLE recant.plan_item DISABLE TRIGGER append_only');
  const copy = async () => (await owner.query('SELECT * FROM recant.plan_item WHERE plan_id = $1', [plan.id])).rows;
  const before = await copy();
  const where = `plan_id = '${plan.id}' AND list = 'steps'`;
  const changes = [
    `UPDATE recant.plan_item SET detail = replace(detail, '/12"', '/99"') WHERE ${where} AND detail LIKE '%/12"%'`,
    `UPDATE recant.plan_item SET head = replace(head, '"tool":"reprice"', '"tool":"other"') WHERE ${where} AND n = 1`,
    `DELETE FROM recant.plan_item WHERE ${where} AND n = 3`,
    `INSERT INTO recant.plan_item SELECT tenant_id, plan_id, list, 4, head, detail FROM recant.plan_item WHERE ${where} AND n = 3`,
    `UPDATE recant.plan_item SET n = 4 WHERE ${where} AND n = 1`,
  ];
  for (const change of changes) {
    expect((await owner.query(change)).rowCount, change).toBe(1);
    await expect(client.createRun(plan.id, plan.digest), change).rejects.toMatchObject({
      problem: { code: 'plan_digest_mismatch', detail: expect.stringContaining('changed in the store') },
    });
    await owner.query('DELETE FROM recant.plan_item WHERE plan_id = $1', [plan.id]);
    for (const { tenant_id, plan_id, list, n, head, detail } of before)
      await owner.query('INSERT INTO recant.plan_item VALUES ($1, $2, $3, $4, $5, $6)', [tenant_id, plan_id, list, n, head, detail]);
  }
  const { id } = await client.createRun(plan.id, plan.digest);
  expect((await finished(id)).account.verdict).toBe('fully_restored');
});
