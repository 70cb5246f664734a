import { preparePostgres } from '@recant/connector-postgres';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

const SCHEMA = `CREATE TABLE customers (id int PRIMARY KEY, email text, tier text);
  INSERT INTO customers SELECT n, 'c' || n || '@example.org', 'free' FROM generate_series(1, 9) n`;
let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ schema: SCHEMA, watchMs: 100 });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const ended = (subject: string) =>
  waitUntil(async () => {
    const [system] = (await stage.operator.erasure(subject)).systems;
    return system !== undefined && system.state !== 'pending' ? system : undefined;
  });
const kept = async () =>
  (await stage.shop.owner.query(`SELECT string_agg(concat(old::text, new::text), ' ') AS text FROM recant.change`)).rows[0]?.text as string;
const assign = async (pattern?: string) => {
  const agentRoles = [new URL(stage.shop.agentUrl).username];
  const subjects = pattern === undefined ? [] : [{ table: 'public.customers', pattern }];
  await preparePostgres({ url: stage.shop.ownerUrl, system: 'shop', agentRoles, subjects });
};

test('I9: erasing a subject reaches what the target captured of it; the plan says irreversible, with the reason, and undoes the rest', async () => {
  await assign('customer/{id}');
  const agent = await stage.agent('writer');
  await agent.sql('rename', `UPDATE customers SET email = 'ada@example.org' WHERE id = 1`);
  await agent.sql('upgrade', `UPDATE customers SET tier = 'gold' WHERE id = 2`);
  const asked = await stage.operator.eraseSubject('customer/1');
  expect(asked).toMatchObject({ destroyed: 0, systems: [{ system: 'shop', state: 'pending', changes: 0, remains: [] }] });
  expect(await ended('customer/1')).toMatchObject({ state: 'erased', changes: 1, remains: [] });
  expect(await kept()).not.toMatch(/ada@|c1@/);
  expect(await kept()).toMatch(/free/);

  const refused = await stage.operator.createPlan({ selection: { agents: ['writer'] } });
  expect(refused).toMatchObject({
    runnable: false,
    body: {
      left: [{ tool: 'rename', reason: 'irreversible' }],
      conflicts: [{ kind: 'irreversible', tool: 'rename', detail: expect.stringContaining('erased with subject customer/1') }],
    },
  });
  const plan = await stage.operator.createPlan({ selection: { agents: ['writer'] }, mode: 'skip' });
  const { id } = await stage.operator.createRun(plan.id, plan.digest);
  const run = await waitUntil(async () => {
    const view = await stage.operator.run(id);
    return view.state === 'finished' ? view : undefined;
  });
  expect(run.account).toMatchObject({ outcomes: { restored: 1 }, left: { irreversible: 1 }, verdict: 'partly_restored' });
  expect(await stage.audit()).toEqual([]);
  const { items } = await stage.operator.acts({});
  expect(items.map(({ event }) => event.data)).toContainEqual(
    expect.objectContaining({ outcome: 'done', detail: expect.objectContaining({ systems: ['shop'] }) }),
  );
});

test('what an erasure cannot reach is said and tried again: a system that is away, and one that assigns no table', async () => {
  await assign();
  const agent = await stage.agent('later');
  await agent.sql('rename', `UPDATE customers SET email = 'eve@example.org' WHERE id = 3`);
  const admin = new pg.Client({ connectionString: stage.databaseOwnerUrl });
  await admin.connect();
  const database = new URL(stage.shop.ownerUrl).pathname.slice(1);
  const remains = async () => (await stage.operator.erasure('customer/3')).systems[0]?.remains.join(' ') ?? '';
  try {
    await admin.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database]);
    await stage.operator.eraseSubject('customer/3');
    await waitUntil(async () => /not currently accepting connections|unreachable/.test(await remains()));
  } finally {
    await admin.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
    await admin.end();
  }
  await waitUntil(async () => /--subject/.test(await remains()));
  await waitUntil(async () => (await stage.operator.alarms({ open: true })).items.some(({ code }) => code === 'erasure_incomplete'));
  await assign('customer/{id}');
  // Registering again is what \`connect\` does: it tries at once.
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  expect(await ended('customer/3')).toMatchObject({ state: 'erased', changes: 1 });
  expect(await kept()).not.toMatch(/eve@/);
  await waitUntil(async () => !(await stage.operator.alarms({ open: true })).items.some(({ code }) => code === 'erasure_incomplete'));
});
