import { waitUntil } from '@recant/test-support';
import { expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

const rows = async (stage: Stage) => (await stage.shop.owner.query('SELECT id, state, price FROM orders ORDER BY id')).rows;
const ended = async (stage: Stage, run: string) =>
  waitUntil(async () => {
    const view = await stage.operator.run(run);
    return ['finished', 'cancelled', 'waiting'].includes(view.state) ? view : undefined;
  });
const register = (stage: Stage) =>
  stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });

test('I5: undoing an agent restores the state without it; refuse stops at another agent’s work, skip leaves it', async () => {
  await using stage = await createStage();
  await register(stage);
  const before = await rows(stage);
  const bad = await stage.agent('bad');
  const good = await stage.agent('good');
  await bad.sql('reprice', 'UPDATE orders SET price = 1 WHERE id <= 10');
  await bad.sql('cancel', 'DELETE FROM orders WHERE id IN (20, 21)');
  await bad.sql('invent', "INSERT INTO orders VALUES (200, 'new', 5)");
  await good.sql('ship', "UPDATE orders SET state = 'shipped', price = 2 WHERE id = 5");
  await good.sql('ship', "UPDATE orders SET state = 'shipped' WHERE id = 30");

  const refuse = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  expect(refuse).toMatchObject({ runnable: false, body: { conflicts: [{ kind: 'later_write', by: { agent: 'good', tool: 'ship' } }] } });
  await expect(stage.operator.createRun(refuse.id, refuse.digest)).rejects.toMatchObject({ problem: { code: 'plan_conflicts' } });

  const skip = await stage.operator.createPlan({ selection: { agents: ['bad'] }, mode: 'skip' });
  expect(skip.body.steps.map(({ tool }) => tool)).toEqual(['invent', 'cancel']);
  await expect(stage.operator.createRun(skip.id, '0'.repeat(64))).rejects.toMatchObject({ problem: { code: 'plan_digest_mismatch' } });
  const run = await ended(stage, (await stage.operator.createRun(skip.id, skip.digest)).id);
  expect(run).toMatchObject({
    state: 'finished',
    account: { selected: 3, outcomes: { restored: 2 }, left: { skipped: 1 }, open: 0, verdict: 'partly_restored' },
  });
  expect(await rows(stage)).toEqual(
    before.map((row) =>
      row.id <= 10
        ? { ...row, price: row.id === 5 ? 2 : 1, ...(row.id === 5 ? { state: 'shipped' } : {}) }
        : row.id === 30
          ? { ...row, state: 'shipped' }
          : row,
    ),
  );
  expect((await stage.operator.createRun(skip.id, skip.digest)).id).toBe(run.id);
  expect(await stage.audit()).toEqual([]);
});

test('a rollback of a rollback restores the undone effects', async () => {
  await using stage = await createStage();
  await register(stage);
  const bad = await stage.agent('bad');
  await bad.sql('reprice', 'UPDATE orders SET price = 1 WHERE id <= 10');
  await bad.sql('cancel', 'DELETE FROM orders WHERE id = 3');
  const after = await rows(stage);
  const plan = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  const first = await ended(stage, (await stage.operator.createRun(plan.id, plan.digest)).id);
  expect(first.account).toMatchObject({ outcomes: { restored: 2 }, verdict: 'fully_restored' });
  const undoneBy = async () => (await stage.operator.attempts({ agent: ['bad'] })).items.map(({ undone }) => undone?.run);
  await waitUntil(async () => (await undoneBy()).every((run) => run === first.id));

  const again = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  expect(again.body.left.map(({ reason }) => reason)).toEqual(['already_undone', 'already_undone']);
  const back = await stage.operator.createPlan({ selection: { runs: [first.id] } });
  const second = await ended(stage, (await stage.operator.createRun(back.id, back.digest)).id);
  expect(second.account).toMatchObject({ outcomes: { restored: 2 }, verdict: 'fully_restored' });
  expect(await rows(stage)).toEqual(after);
  const third = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  expect(third.body).toMatchObject({ left: [], conflicts: [], steps: [{ tool: 'cancel' }, { tool: 'reprice' }] });
  await waitUntil(async () => (await undoneBy()).every((run) => run === undefined));
});

test('I5: undoing a rollback is refused where the attempt had confirmed a value that was undone since (F1)', async () => {
  await using stage = await createStage();
  await register(stage);
  const undone = async (selection: object) => {
    const plan = await stage.operator.createPlan({ selection });
    expect(plan.body.conflicts).toEqual([]);
    return ended(stage, (await stage.operator.createRun(plan.id, plan.digest)).id);
  };
  const [first, second] = [await stage.agent('first'), await stage.agent('second')];
  await first.sql('cancel', "UPDATE orders SET state = 'cancelled' WHERE id = 1");
  await second.sql('cancel', "UPDATE orders SET state = 'cancelled' WHERE id = 1", 'UPDATE orders SET price = 1 WHERE id = 1');
  const run = await undone({ agents: ['second'] });
  await undone({ agents: ['first'] });
  const back = await stage.operator.createPlan({ selection: { runs: [run.id] } });
  expect(back).toMatchObject({ runnable: false, body: { conflicts: [{ kind: 'later_write', part: 'state', by: { tool: 'undo' } }] } });
  expect((await rows(stage))[0]).toEqual({ id: 1, state: 'open', price: 100 });
  expect(await stage.audit()).toEqual([]);
});

test('an attempt undone without a write counts as undone in later plans and blocks none', async () => {
  await using stage = await createStage();
  await register(stage);
  const bad = await stage.agent('bad');
  await bad.sql('reprice', 'UPDATE orders SET price = 1 WHERE id = 1');
  await bad.sql('confirm', 'UPDATE orders SET price = price WHERE id = 1');
  const plan = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  const run = await ended(stage, (await stage.operator.createRun(plan.id, plan.digest)).id);
  expect(run.account).toMatchObject({ outcomes: { restored: 1, already_undone: 1 } });
  const again = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  expect(again.body).toMatchObject({ steps: [], conflicts: [], left: [{ reason: 'already_undone' }, { reason: 'already_undone' }] });
  const [, { detail = '' } = {}] = again.body.left;
  expect(detail).toContain(run.id);
  // Nor is it a dependent of earlier attempts.
  const other = await stage.agent('other');
  await other.sql('reprice', 'UPDATE orders SET price = 7 WHERE id = 2');
  await bad.sql('confirm', 'UPDATE orders SET price = price WHERE id = 2');
  const confirm = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  await ended(stage, (await stage.operator.createRun(confirm.id, confirm.digest)).id);
  const others = await stage.operator.createPlan({ selection: { agents: ['other'] } });
  expect(others.body).toMatchObject({ steps: [{ tool: 'reprice' }], conflicts: [], left: [] });
  expect(await stage.audit()).toEqual([]);
});
