import { createRecant } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

/** What probes once found wrong, each with its right end, on a real database. */
const ROWS = 5_000;
const SCHEMA = `CREATE TABLE orders (id int PRIMARY KEY, state text NOT NULL, price int NOT NULL);
  INSERT INTO orders SELECT n, 'open', 100 FROM generate_series(1, ${ROWS}) n;
  CREATE TABLE docs (path text PRIMARY KEY, body text);
  INSERT INTO docs SELECT repeat('x', 300) || n, 'v' FROM generate_series(1, 300) n`;
/** Bytes of a plan or run without its lists. */
const VIEW_BYTES_MAX = 20_000;

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ schema: SCHEMA });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(async () => {
  expect(await stage.audit()).toEqual([]);
  await stage[Symbol.asyncDispose]();
});

const when = (id: string, isSo: (run: Awaited<ReturnType<Stage['operator']['run']>>) => boolean) =>
  waitUntil(async () => {
    const run = await stage.operator.run(id);
    return isSo(run) ? run : undefined;
  });
const finished = (id: string) => when(id, ({ state }) => state === 'finished');
const planOf = (agent: string) => stage.operator.createPlan({ selection: { agents: [agent] } });
const start = async ({ id, digest }: { readonly id: string; readonly digest: string }) => (await stage.operator.createRun(id, digest)).id;
const countOf = async (condition: string): Promise<number> =>
  (await stage.shop.owner.query(`SELECT count(*)::int AS n FROM ${condition}`)).rows[0].n;

test('U20: an attempt on 300 rows with keys of 300 characters is undone', async () => {
  await (await stage.agent('long')).sql('wipe', `UPDATE docs SET body = ''`);
  const run = await finished(await start(await planOf('long')));
  expect([run.account.verdict, await countOf(`docs WHERE body = 'v'`)]).toEqual(['fully_restored', 300]);
});

test('U21: a run behind one that paused says for which it waits, is done once that one has ended, and holds up no other', async () => {
  const [bad, worse, other] = [await stage.agent('bad'), await stage.agent('worse'), await stage.agent('other')];
  for (const id of [1, 2, 3]) await bad.sql('a', `UPDATE orders SET price = 1 WHERE id = ${id}`);
  await worse.sql('b', `UPDATE orders SET state = 'x' WHERE id = 1`);
  await worse.sql('c', `UPDATE orders SET state = 'x' WHERE id = 50`);
  await other.sql('d', 'UPDATE orders SET price = 1 WHERE id = 60');
  const plans = [await planOf('bad'), await planOf('worse'), await planOf('other')] as const;
  // The last action goes first, one a second: the row 1 is still to come at the deadline.
  const first = (await stage.operator.createRun(plans[0].id, plans[0].digest, { deadline: '1s', rowsPerSecond: 1 })).id;
  await when(first, ({ state }) => state === 'paused');
  const [second, third] = [await start(plans[1]), await start(plans[2])];
  expect((await finished(third)).account.verdict).toBe('fully_restored');
  const waiting = await stage.operator.run(second);
  expect([waiting.state, waiting.waits]).toMatchObject(['queued', [{ for: 'run', run: first }]]);
  await stage.operator.resumeRun(first);
  for (const id of [first, second]) expect((await finished(id)).account.verdict).toBe('fully_restored');
  expect(await countOf(`orders WHERE state = 'open' AND price = 100`)).toBe(ROWS);
});

test('tools that declare nothing and touch no system, one of which failed, are no conflict of a plan that selects them', async () => {
  const apiKey = await stage.makeKey({ sourcePrefix: 'recant://searcher', agents: ['searcher'] });
  const plain = createRecant({ url: stage.url, apiKey, agent: 'searcher' });
  await plain.action('web_search', { q: 'x' }, () => 'results');
  await plain.action('web_search', { q: 'y' }, () => Promise.reject(new Error('429'))).catch(() => undefined);
  await plain.close();
  await (await stage.agent('searcher')).sql('reprice', 'UPDATE orders SET price = 0 WHERE id = 1');
  const plan = await planOf('searcher');
  expect([plan.runnable, plan.counts.steps, plan.counts.conflicts]).toEqual([true, 1, 0]);
  const run = await finished(await start(plan));
  // Nothing tells what they did elsewhere.
  expect([run.account.outcomes, run.account.verdict]).toEqual([{ restored: 1 }, 'restored_unverified']);
  expect(await countOf('orders WHERE price = 100')).toBe(ROWS);
});

test('U23: forty actions that share one counter row are undone', async () => {
  const agent = await stage.agent('chained');
  for (let id = 2; id <= 41; id++)
    await agent.sql('t', `UPDATE orders SET price = 0 WHERE id = ${id}`, 'UPDATE orders SET price = price + 1 WHERE id = 1');
  const run = await finished(await start(await planOf('chained')));
  expect([run.account.outcomes, run.account.verdict]).toEqual([{ restored: 40 }, 'fully_restored']);
  expect(await countOf('orders WHERE price = 100')).toBe(ROWS);
});

test('a plan and a run of one attempt on 5,000 rows are shown in a few kilobytes, also where every row was changed since', async () => {
  await (await stage.agent('wide')).sql('wipe', 'UPDATE orders SET price = 0');
  const header = await stage.clientOf(await stage.makeKey({ roles: ['view', 'plan', 'execute'], agents: [], resources: [] }));
  const plan = await header.createPlan({ selection: { agents: ['wide'] }, mode: 'skip' });
  expect(plan.counts).toMatchObject({ steps: 1, rows: ROWS });
  expect(JSON.stringify(plan).length).toBeLessThan(VIEW_BYTES_MAX);
  await stage.shop.owner.query('UPDATE orders SET price = 5');
  const id = await start(plan);
  const run = await finished(id);
  expect(run.account.outcomes).toEqual({ conflicted: 1 });
  expect(JSON.stringify(run).length).toBeLessThan(VIEW_BYTES_MAX);
  expect(await countOf('orders WHERE price = 5')).toBe(ROWS);
}, 60_000);
