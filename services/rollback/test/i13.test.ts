import type { Effect } from '@recant/events';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Forgery, forge } from './forged.ts';
import { createStage, type Stage } from './harness.ts';

/** I13: no event, whatever it says, makes Recant write a value or call a system that its credential was not registered for. */
let stage: Stage;
let mallory: string;
let greedy: string;
let victim: readonly Effect[];

beforeAll(async () => {
  stage = await createStage();
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  mallory = await stage.makeKey({
    sourcePrefix: 'recant://mallory',
    agents: ['mallory'],
    resources: [order('9*'), 'filesystem://docs/9*'],
  });
  greedy = await stage.makeKey({ sourcePrefix: 'recant://greedy', agents: ['greedy'], resources: ['*'] });
  const alice = await stage.agent('alice');
  await alice.sql('reprice', 'UPDATE orders SET price = 7 WHERE id = 1');
  victim = await waitUntil(async () => {
    const found = await effectsOf('alice');
    return found.length > 0 ? found : undefined;
  });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

async function effectsOf(agent: string): Promise<readonly Effect[]> {
  const vector = await stage.store.ledgerReader.vector('acme');
  const attempts = await stage.store.ledgerReader.select('acme', { agents: [agent] }, vector);
  const effects = await stage.store.ledgerReader.effectsOf(
    'acme',
    attempts.map(({ ref }) => ref),
    vector,
  );
  return effects.map(({ attempt: _attempt, entry: _entry, captured: _captured, ...effect }) => effect);
}

/** Every row and every captured change of the target. */
async function shop(): Promise<unknown> {
  const { owner } = stage.shop;
  await owner.query('SELECT recant.absorb()');
  const rows = await owner.query('SELECT id, state, price FROM orders ORDER BY id');
  const changes = await owner.query('SELECT count(*)::int AS changes FROM recant.change');
  return { rows: rows.rows, changes: changes.rows };
}

const effect = (resource: string, more: Partial<Effect> = {}): Effect => ({
  resource,
  operation: 'update',
  ordinal: '999999999',
  parts: { price: { before: 'v1.AAAAAAAAAAAAAAAAAAAAAA', after: 'v1.BBBBBBBBBBBBBBBBBBBBBB' } },
  compensation: { connector: 'postgres', images: ['1'] },
  ...more,
});
const order = (id: number | string): string => `postgres://shop/public.orders/${id}`;
const file = (name: string): Effect => effect(`filesystem://docs/${name}`, { compensation: { connector: 'filesystem', images: ['1'] } });

/** Forges, and plans in mode skip: there is nothing to run, and the shop is unchanged. */
async function attack(forgery: Omit<Forgery, 'apiKey' | 'agent'> & { key: 'mallory' | 'greedy' }) {
  const before = await shop();
  const { action, refused } = await forge(stage, { ...forgery, agent: forgery.key, apiKey: forgery.key === 'mallory' ? mallory : greedy });
  const plan = await stage.operator.createPlan({ selection: { actions: [action] }, mode: 'skip' });
  expect(plan.runnable).toBe(false);
  expect(await shop()).toEqual(before);
  return {
    refused,
    steps: plan.body.steps.length,
    kinds: plan.body.conflicts.map(({ kind }) => kind),
    reasons: plan.body.left.map(({ reason }) => reason),
  };
}

/** The ledger records the words, and nobody takes them for effects. */
const UNHEARD = { refused: [], steps: 0, kinds: [], reasons: ['no_effect'] };

test('I13: a claim on another agent’s resource never becomes a step', async () => {
  expect(await attack({ key: 'mallory', effects: [file('1')] })).toMatchObject({
    refused: [],
    steps: 0,
    kinds: ['not_registered'],
    reasons: ['not_registered'],
  });
  expect(await attack({ key: 'mallory', effects: [effect(order(1))] })).toMatchObject(UNHEARD);
});

test('I13: one claim outside its resources excludes the whole attempt', async () => {
  const found = await attack({ key: 'mallory', effects: [file('90'), file('1')] });
  expect(found).toMatchObject({ steps: 0, kinds: ['not_registered'] });
});

test('I13: a claim on an unregistered system never becomes a step, whatever the key allows', async () => {
  for (const resource of ['filesystem://shop/etc/passwd', 'http://shop/admin']) {
    const connector = resource.slice(0, resource.indexOf(':'));
    expect(await attack({ key: 'greedy', effects: [effect(resource, { compensation: { connector, images: [] } })] })).toMatchObject({
      steps: 0,
      kinds: ['not_registered'],
    });
  }
  expect(await attack({ key: 'greedy', effects: [effect('postgres://bank/public.accounts/1')] })).toMatchObject(UNHEARD);
});

test('I13: the ledger refuses an inverse by a connector other than the resource’s', async () => {
  const found = await attack({ key: 'greedy', effects: [effect(order(90), { compensation: { connector: 'filesystem', images: [] } })] });
  expect(found).toMatchObject({ refused: ['resource_invalid'], steps: 0 });
});

test.each([
  ['SQL', 91, ["1'; DROP TABLE orders; --", '1; UPDATE orders SET price = 0']],
  ['a URL', 92, ['http://127.0.0.1:1/steal', 'file:///etc/passwd']],
  ['an image that was never captured', 93, ['123456789']],
  ['a path', 94, ['../../../etc/passwd']],
  ['nothing at all', 95, []],
])('I13: %s as an image is never looked for, even with the right live version', async (_what, id, images) => {
  const bob = await stage.agent('bob');
  await bob.sql('reprice', `UPDATE orders SET price = 9 WHERE id = ${id}`);
  const live = await waitUntil(async () => (await effectsOf('bob')).find(({ resource }) => resource === order(id))?.parts.price?.after);
  const parts = { price: { before: 'v1.AAAAAAAAAAAAAAAAAAAAAA', after: live } };
  const found = await attack({ key: 'mallory', effects: [effect(order(id), { parts, compensation: { connector: 'postgres', images } })] });
  expect(found).toMatchObject(UNHEARD);
});

test('I13: SQL in a resource or part is only a name that matches nothing', async () => {
  for (const [resource, part] of [
    [`${order(1)}%27%3B%20DROP%20TABLE%20orders%3B--`, 'price'],
    ['postgres://shop/public.orders%22%3B%20DROP%20TABLE%20orders%3B--/1', 'price'],
    [order(96), 'price" = 0; --'],
  ] as const) {
    const parts = { [part]: { before: 'v1.AAAAAAAAAAAAAAAAAAAAAA', after: 'v1.BBBBBBBBBBBBBBBBBBBBBB' } };
    expect(await attack({ key: 'greedy', effects: [effect(resource, { parts })] })).toMatchObject(UNHEARD);
  }
});

test('I13: an attempt cannot use another attempt’s images, even with its versions and a key for all resources', async () => {
  const found = await attack({
    key: 'greedy',
    effects: victim.map((stolen) => ({ ...stolen, ordinal: String(BigInt(stolen.ordinal) + 1_000n) })),
  });
  expect(found).toMatchObject(UNHEARD);
});

test('I13: only the rollback service may record inverses, send as recant, or use its sources', async () => {
  const [{ ref }] = (await stage.store.ledgerReader.select(
    'acme',
    { agents: ['alice'] },
    await stage.store.ledgerReader.vector('acme'),
  )) as unknown as [{ ref: { source: string; action: string; attempt: number } }];
  const inverse = await forge(stage, {
    apiKey: greedy,
    agent: 'greedy',
    effects: victim,
    intent: { inverts: { ...ref, run: 'r', step: 1 } },
  });
  expect(inverse.refused).toContain('role_missing');
  expect((await forge(stage, { apiKey: greedy, agent: 'recant', source: 'recant://greedy/1', effects: victim })).refused).toEqual(
    Array(4).fill('agent_not_allowed'),
  );
  expect((await forge(stage, { apiKey: greedy, agent: 'greedy', source: ref.source, effects: victim })).refused).toEqual(
    Array(4).fill('source_not_allowed'),
  );
});

test('I13: a rejected claim does not block undoing real effects', async () => {
  await forge(stage, { apiKey: mallory, agent: 'mallory', effects: [effect(order(1))] });
  const carol = await stage.agent('carol');
  await carol.sql('reprice', 'UPDATE orders SET price = 8 WHERE id = 2');
  await forge(stage, { apiKey: mallory, agent: 'mallory', effects: [effect(order(2))] });
  const plan = await stage.operator.createPlan({ selection: { agents: ['carol'] } });
  expect(plan).toMatchObject({ runnable: true, body: { conflicts: [], steps: [{ agent: 'carol' }] } });
});

test('I13: only an administrator registers a system, and its name never moves to another system', async () => {
  const { createClient } = await import('@recant/client');
  const operator = createClient({ url: stage.url, apiKey: await stage.makeKey({ roles: ['plan', 'execute', 'view'], agents: [] }) });
  const options = { url: stage.shop.ownerUrl };
  await expect(operator.registerSystem({ name: 'shop2', connector: 'postgres', options })).rejects.toMatchObject({
    problem: { code: 'role_missing' },
  });
  await expect(stage.operator.registerSystem({ name: 'shop', connector: 'filesystem', options: { root: '/tmp' } })).rejects.toMatchObject({
    problem: { status: expect.any(Number) },
  });
  await expect(stage.operator.registerSystem({ name: 'shop', connector: 'http', options })).rejects.toMatchObject({
    problem: { code: 'connector_unknown' },
  });
});
