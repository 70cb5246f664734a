import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

type Agent = Awaited<ReturnType<Stage['agent']>>;
type Options = Parameters<Agent['action']>[3];

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ worker: false });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

const COMPENSABLE = { reversibility: 'compensable' } as const;

/** @returns its action */
async function pay(
  agent: Agent,
  args: Record<string, unknown>,
  options: Options = COMPENSABLE,
  tool = 'pay',
  work = async () => {},
): Promise<string> {
  let action = '';
  const run = async () => {
    action = agent.current()?.action ?? '';
    await work();
  };
  await agent.action(tool, args, run, options).catch(() => undefined);
  await agent.flush();
  const atMs = Date.now();
  // The next one is received later by the ledger's clock.
  await waitUntil(async () => Date.now() > atMs);
  return action;
}

const planOf = (agent: string) => stage.operator.createPlan({ selection: { agents: [agent] }, mode: 'skip' });
const repeatsOf = async (agent: string) => stage.operator.planRepeats((await planOf(agent)).id);
const actionsOf = (items: Awaited<ReturnType<typeof repeatsOf>>['items']) =>
  items.map(({ action, same }) => [action, same.map((one) => one.action)]);

test('the same call of another action within minutes is shown with both, with how far apart and how it ended', async () => {
  const [one, two] = [await stage.agent('payer'), await stage.agent('other-payer')];
  const first = await pay(one, { order: 7, cents: 100 });
  const second = await pay(two, { cents: 100, order: 7 }, COMPENSABLE, 'pay', async () => {
    throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
  });
  const third = await pay(one, { order: 7, cents: 100 });
  await pay(one, { order: 8, cents: 100 });
  const { items, ...counts } = await repeatsOf('payer');
  expect(counts).toEqual({ compared: 3, incomparable: 0, more: false });
  expect(new Map(items.map(({ action, same }) => [action, same.map((call) => call.action)]))).toEqual(
    new Map([
      [first, [second]],
      [third, [second, first]],
    ]),
  );
  expect(items.find(({ action }) => action === first)).toMatchObject({
    tool: 'pay',
    agent: 'payer',
    status: 'succeeded',
    reversibility: 'compensable',
  });
  expect(items.find(({ action }) => action === first)?.same[0]).toMatchObject({ agent: 'other-payer', status: 'unknown', attempt: 1 });
  const [gap] = items.find(({ action }) => action === first)?.same ?? [];
  expect(gap?.gapMs).toBeGreaterThan(0);
  // `actions show` has the same, whichever of them is shown.
  const shown = async (action: string) =>
    (await stage.operator.action(action)).attempts.map(({ repeats = [] }) => repeats.map((call) => call.action));
  expect(await shown(second)).toEqual([[expect.any(String), expect.any(String)]]);
  expect(await shown(first)).toEqual([[second, third]]);
  const [before] = (await stage.operator.action(third)).attempts[0]?.repeats ?? [];
  expect(before?.gapMs).toBeLessThan(0);
});

test('a retry of one action is no repeat, nor is a call with other arguments, masked ones included, or of a tool that can be undone or only reads', async () => {
  const agent = await stage.agent('careful');
  const action = await pay(agent, { order: 1 });
  await pay(agent, { order: 1 }, { ...COMPENSABLE, retryOf: { action } });
  await pay(agent, { order: 2, password: 'hunter2-hunter2' });
  await pay(agent, { order: 2, password: 'correct-horse-battery' });
  for (const reversibility of ['reversible', 'read'] as const) {
    await pay(agent, { order: 3 }, { reversibility }, reversibility);
    await pay(agent, { order: 3 }, { reversibility }, reversibility);
  }
  await pay(agent, { order: 4 }, { ...COMPENSABLE, resources: ['api://bank/a'] });
  await pay(agent, { order: 4 }, { ...COMPENSABLE, resources: ['api://bank/b'] });
  await pay(agent, { order: 5 }, COMPENSABLE, 'pay');
  await pay(agent, { order: 5 }, COMPENSABLE, 'refund');
  expect(await repeatsOf('careful')).toEqual({ items: [], compared: 8, incomparable: 0, more: false });
});

test('equal masks are equal arguments, and a tool that declares nothing counts; calls without anything to compare are counted', async () => {
  const agent = await stage.agent('masked');
  const password = 'hunter2-hunter2';
  const first = await pay(agent, { order: 2, password }, {}, 'undeclared');
  const second = await pay(agent, { order: 2, password }, {}, 'undeclared');
  for (const args of [{}, { note: 'x'.repeat(20_000) }]) for (const _ of [1, 2]) await pay(agent, args, COMPENSABLE, 'bare');
  const found = await repeatsOf('masked');
  expect(actionsOf(found.items)).toEqual([[second, [first]]]);
  expect(found).toMatchObject({ compared: 2, incomparable: 4 });
});

test('a denied attempt is no repeat and has none; neither is a call of another tenant', async () => {
  const agent = await stage.agent('denied');
  const action = await pay(agent, { order: 9 });
  await stage.withReason('t').fence({ action, reason: 't' });
  await pay(agent, { order: 9 });
  const statuses = (await stage.operator.attempts({ agent: ['denied'] })).items.map(({ status }) => status);
  expect(statuses.toSorted()).toEqual(['denied', 'succeeded']);
  expect((await repeatsOf('denied')).items).toEqual([]);

  const here = await pay(await stage.agent('here'), { order: 10 });
  const there = await stage.agent('there', { tenant: 'globex' });
  await pay(there, { order: 10 });
  expect((await repeatsOf('here')).items).toEqual([]);
  expect((await stage.operator.action(here)).attempts[0]).not.toHaveProperty('repeats');
  const foreign = stage.clientOf(await stage.makeKey({ tenant: 'globex', roles: ['view'], agents: [] }));
  await expect(foreign.planRepeats((await planOf('here')).id)).rejects.toMatchObject({ problem: { code: 'plan_unknown' } });
});

test('only calls within ten minutes count, and of each side the nearest twenty; a question compares 300 attempts', async () => {
  const agent = await stage.agent('busy');
  const first = await pay(agent, { n: 0 }, COMPENSABLE, 'busy');
  const run = async () => {};
  await Promise.all(Array.from({ length: 301 }, (_, n) => agent.action('busy', { n: n + 1 }, run, COMPENSABLE)));
  await agent.flush();
  const last = await pay(agent, { n: 0 }, COMPENSABLE, 'busy');
  // The first is too far: other calls of the tool are nearer.
  expect((await stage.operator.action(last)).attempts[0]).not.toHaveProperty('repeats');
  expect(await repeatsOf('busy')).toMatchObject({ items: [], compared: 300, more: true });

  const other = await stage.agent('slow');
  const early = await pay(other, { n: 1 }, COMPENSABLE, 'slow');
  const late = await pay(other, { n: 1 }, COMPENSABLE, 'slow');
  expect(actionsOf((await repeatsOf('slow')).items)).toEqual([[late, [early]]]);
  await move(early, '11 minutes');
  expect((await repeatsOf('slow')).items).toEqual([]);
  await move(early, '-2 minutes');
  expect(actionsOf((await repeatsOf('slow')).items)).toEqual([[late, [early]]]);
  expect(first).not.toBe(last);
});

/** Sets back the receipt of an action, as only a superuser can. */
async function move(action: string, by: string): Promise<void> {
  const owner = new pg.Client({ connectionString: stage.databaseOwnerUrl });
  await owner.connect();
  await owner.query('ALTER TABLE recant.attempt DISABLE TRIGGER append_only');
  await owner.query('UPDATE recant.attempt SET received_at = received_at - $2::interval WHERE action = $1', [action, by]);
  await owner.query('ALTER TABLE recant.attempt ENABLE ALWAYS TRIGGER append_only');
  await owner.end();
}
