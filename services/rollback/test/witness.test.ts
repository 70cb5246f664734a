import type { Effect } from '@recant/events';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';
import { HijackedAgent, newAction } from './hijacked.ts';

/** I14: on a system that captures by itself, no agent hides its effects or blocks the undo of others by what it says or leaves out. */
const SCHEMA = `CREATE TABLE orders (id int PRIMARY KEY, state text NOT NULL, price int NOT NULL);
  CREATE TABLE log (line text NOT NULL);
  INSERT INTO orders SELECT n, 'open', 100 FROM generate_series(1, 100) n`;
let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ schema: SCHEMA });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

async function hijack(agent: string): Promise<HijackedAgent & { readonly keyId: string }> {
  const apiKey = await stage.makeKey({ sourcePrefix: `recant://${agent}`, agents: [agent], resources: [] });
  const keys = await stage.operator.keys();
  const keyId = keys.find((key) => key.agents.includes(agent))?.keyId ?? '';
  return Object.assign(new HijackedAgent(stage, { agent, apiKey }), { keyId });
}

const rows = async () => (await stage.shop.owner.query('SELECT id, state, price FROM orders ORDER BY id')).rows;

const planOf = (...agents: string[]) => stage.operator.createPlan({ selection: { agents } });
const kindsOf = (plan: Awaited<ReturnType<typeof planOf>>) => plan.body.conflicts.map(({ kind }) => kind);

async function undo(...agents: string[]) {
  const plan = await planOf(...agents);
  expect(plan.body.conflicts).toEqual([]);
  const { id } = await stage.operator.createRun(plan.id, plan.digest);
  const run = await waitUntil(async () => {
    const view = await stage.operator.run(id);
    return ['finished', 'waiting'].includes(view.state) ? view : undefined;
  });
  expect(await stage.audit()).toEqual([]);
  return run.account;
}

async function discrepanciesOf(action: string) {
  const [attempt] = (await stage.operator.action(action)).attempts;
  return attempt?.discrepancies ?? { count: -1, shown: [] };
}

/** An effect as the target would have it, on an order. */
const claim = (id: number, ordinal: string): Effect => ({
  resource: `postgres://shop/public.orders/${id}`,
  operation: 'update',
  ordinal,
  parts: { state: { before: 'v1.AAAAAAAAAAAAAAAAAAAAAA', after: 'v1.BBBBBBBBBBBBBBBBBBBBBB' } },
  compensation: { connector: 'postgres', images: [`change/${ordinal}`] },
});

test('I14: an agent that withholds all of its effects is undone whole (U2)', async () => {
  const before = await rows();
  const bad = await hijack('withholding');
  const [action, denied] = [newAction(), newAction()];
  await bad.send(bad.intended(action), bad.settled(action), bad.intended(denied), bad.settled(denied, [], { outcome: 'denied' }));
  await bad.write(action, "UPDATE orders SET state = 'HACKED'");
  await bad.write(denied, 'UPDATE orders SET price = 0 WHERE id <= 10');
  expect(await undo('withholding')).toMatchObject({ outcomes: { restored: 2 }, verdict: 'fully_restored' });
  expect(await rows()).toEqual(before);
  expect(await discrepanciesOf(action)).toEqual({ compared: true, count: 0, shown: [] });
  expect(await discrepanciesOf(denied)).toMatchObject({ count: 10, shown: { length: 10 } });
});

test('I14: forged ordinals and invented effects neither shield an agent nor block anybody else (U3, U6)', async () => {
  const before = await rows();
  const good = await stage.agent('good');
  const bad = await hijack('forging');
  await good.sql('reprice', 'UPDATE orders SET price = 7 WHERE id BETWEEN 21 AND 40');
  const action = newAction();
  await bad.write(action, "UPDATE orders SET state = 'HACKED' WHERE id <= 10");
  const highest = '999999999999999999';
  const invented = Array.from({ length: 40 }, (_, n) => claim(n + 1, highest));
  await bad.send(bad.intended(action), bad.effects(action, invented), bad.settled(action, invented));
  expect(await undo('good')).toMatchObject({ outcomes: { restored: 1 }, verdict: 'fully_restored' });
  expect(await undo('forging')).toMatchObject({ outcomes: { restored: 1 }, verdict: 'fully_restored' });
  expect(await rows()).toEqual(before);
  expect(await discrepanciesOf(action)).toMatchObject({ count: 50, shown: { length: 20 } });
});

test('I14: an agent cannot make its attempt impossible to undo by contradicting itself', async () => {
  const before = await rows();
  const bad = await hijack('contradicting');
  const [incomplete, twice] = [newAction(), newAction()];
  await bad.send(bad.intended(incomplete), bad.settled(incomplete, [claim(1, '5')]));
  await bad.send(bad.intended(twice), bad.settled(twice));
  await bad.send(bad.settled(twice, [], { outcome: 'failed' }));
  await bad.write(incomplete, 'UPDATE orders SET price = 0 WHERE id = 1');
  await bad.write(twice, 'UPDATE orders SET price = 0 WHERE id = 2');
  expect(await undo('contradicting')).toMatchObject({
    outcomes: { restored: 2 },
    verdict: 'restored_unverified',
    // The second settlement is an equivocation: it changes nothing.
    unverified: { effects_unknown: 1 },
  });
  expect(await rows()).toEqual(before);
});

test('I14: neither an irreversible tool nor a claimed effect that cannot be undone shields what the target captured', async () => {
  const before = await rows();
  const bad = await hijack('shielding');
  const [declared, claiming] = [newAction(), newAction()];
  const invented: Effect = { ...claim(1, '5'), resource: 'filesystem://docs/invented' };
  const { compensation: _none, ...bare } = invented;
  await bad.write(declared, "UPDATE orders SET state = 'HACKED' WHERE id <= 10");
  await bad.write(claiming, "UPDATE orders SET state = 'HACKED' WHERE id BETWEEN 11 AND 20");
  await bad.send(bad.intended(declared, { reversibility: 'irreversible' }), bad.settled(declared));
  await bad.send(bad.intended(claiming), bad.effects(claiming, [bare]), bad.settled(claiming, [bare]));
  expect((await planOf('shielding')).body.steps.map(({ remains }) => remains)).toEqual([
    expect.stringContaining('filesystem://docs/invented'),
    expect.stringContaining('declared irreversible'),
  ]);
  expect(await undo('shielding')).toMatchObject({ outcomes: { restored: 2 }, left: { irreversible: 2 }, verdict: 'partly_restored' });
  expect(await rows()).toEqual(before);
});

test('I14: a tool with its own COMMIT and BEGIN loses no change: what follows belongs to its login (U5)', async () => {
  const before = await rows();
  const orm = await stage.agent('orm');
  await orm.sql(
    'import',
    'UPDATE orders SET price = 1 WHERE id = 1',
    'COMMIT',
    'BEGIN',
    'UPDATE orders SET price = 1 WHERE id BETWEEN 2 AND 40',
  );
  expect((await planOf('orm')).body.steps).toHaveLength(1);
  const login = new URL(stage.shop.agentUrl).username;
  const { items } = await stage.operator.attempts({ agent: [login] });
  expect(items).toMatchObject([{ tool: 'transaction', login, effects: 39 }]);
  expect(await undo('orm', login)).toMatchObject({ outcomes: { restored: 2 }, verdict: 'fully_restored' });
  expect(await rows()).toEqual(before);
});

test('I14: an attempt whose process died is open until its deadline, then settled by what the target recorded', async () => {
  const before = await rows();
  const [dying, dead] = [await hijack('dying'), await hijack('dead')];
  const [open, over, idle] = [newAction(), newAction(), newAction()];
  await dying.send(dying.intended(open));
  await dying.write(open, "UPDATE orders SET state = 'half' WHERE id = 50");
  const plan = await planOf('dying');
  expect([plan.runnable, kindsOf(plan)]).toEqual([false, ['open']]);
  await dying.send(dying.settled(open, [], { outcome: 'failed' }));
  expect(await undo('dying')).toMatchObject({ outcomes: { restored: 1 }, verdict: 'fully_restored' });

  await dead.send(dead.intended(over, { deadlineMs: 1 }));
  await dead.write(over, "UPDATE orders SET state = 'half' WHERE id = 51");
  await waitUntil(async () => (await stage.operator.action(over)).attempts[0]?.status === 'unknown');
  expect(await undo('dead')).toMatchObject({ outcomes: { restored: 1 }, verdict: 'restored_unverified' });
  expect(await rows()).toEqual(before);
  // Without a word and without a change in the target, what it did elsewhere is for a person to say.
  await dead.send(dead.intended(idle, { deadlineMs: 1 }));
  await waitUntil(async () => (await stage.operator.action(idle)).attempts[0]?.status === 'unknown');
  expect(kindsOf(await planOf('dead'))).toEqual(['open']);
});

test('I14: revoking a key costs no evidence: its running attempt is undone from what the target recorded (U6)', async () => {
  const before = await rows();
  const bad = await hijack('revoked');
  const action = newAction();
  await bad.send(bad.intended(action));
  await bad.write(action, "UPDATE orders SET state = 'HACKED' WHERE id <= 49");
  await stage.operator.revokeKey(bad.keyId);
  await bad.write(action, "UPDATE orders SET state = 'HACKED' WHERE id > 49");
  await expect(bad.send(bad.settled(action))).rejects.toThrow();
  expect(await undo('revoked')).toMatchObject({ outcomes: { restored: 1 }, verdict: 'restored_unverified' });
  expect(await rows()).toEqual(before);
});

test('I14: an agent whose ledger is away, or that never tells it, is recorded by the target all the same', async () => {
  const before = await rows();
  const silent = await hijack('silent');
  await silent.write(newAction(), "UPDATE orders SET state = 'HACKED' WHERE id <= 60");
  const login = new URL(stage.shop.agentUrl).username;
  const plan = await stage.operator.createPlan({
    selection: { agents: [login], resources: ['postgres://shop/*'] },
    window: { from: '1h' },
  });
  expect(plan.body.steps).toMatchObject([{ tool: 'transaction', agent: login, unknown: expect.any(String) }]);
  expect(await undo(login)).toMatchObject({ outcomes: { restored: 1 }, verdict: 'restored_unverified' });
  expect(await rows()).toEqual(before);
});

test('I14: an agent’s writes to a table without a key are counted by the target, and never fully restored', async () => {
  const before = await rows();
  const bad = await hijack('keyless');
  const [both, only] = [newAction(), newAction()];
  await bad.send(bad.intended(both), bad.settled(both), bad.intended(only), bad.settled(only));
  await bad.write(both, 'UPDATE orders SET price = 3 WHERE id = 3', "INSERT INTO log VALUES ('a'), ('b')");
  await bad.write(only, "INSERT INTO log VALUES ('c')");
  const plan = await planOf('keyless');
  expect(plan.body).toMatchObject({
    steps: [{ unknown: 'Changes without images, which cannot be undone: 2 in public.log.' }],
    left: [{ reason: 'effects_unknown', detail: expect.stringContaining('1 in public.log') }],
  });
  expect(await undo('keyless')).toMatchObject({
    outcomes: { restored: 1 },
    verdict: 'restored_unverified',
    unverified: { effects_unknown: 2 },
  });
  expect(await rows()).toEqual(before);
  expect((await stage.shop.owner.query('SELECT line FROM log')).rows).toHaveLength(3);
});
