import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './harness.ts';

const SCHEMA = `CREATE TABLE customers (id int PRIMARY KEY, email text, plan text, note text, password text);
  INSERT INTO customers SELECT n, 'c' || n || '@example.com', 'paid', 'short', 'hunter2' FROM generate_series(1, 300) n`;
const row = (id: number): string => `postgres://shop/public.customers/${id}`;

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ schema: SCHEMA });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

test('rows of a plan have values before and after the attempt, masked and bounded, and the plan itself has none', async () => {
  const bot = await stage.agent('bot');
  await bot.sql(
    'cleanup',
    "UPDATE customers SET plan = 'free' WHERE id = 1",
    "UPDATE customers SET plan = NULL, note = repeat('x', 300) WHERE id = 1",
    "UPDATE customers SET email = 'x@example.com', password = 'other', plan = 'trial' WHERE id = 2",
    "INSERT INTO customers VALUES (1000, NULL, 'new', 'n', NULL)",
    'DELETE FROM customers WHERE id = 3',
  );
  // Nobody's recorded work: the values are those of the attempt, whatever the row has now.
  await stage.shop.owner.query("UPDATE customers SET plan = 'mine' WHERE id = 1");
  const plan = await stage.operator.createPlan({ selection: { agents: ['bot'] }, mode: 'skip', partial: true });
  expect(JSON.stringify(plan)).not.toMatch(/hunter2|'trial'/);

  const { items, counts, next } = await stage.operator.planRows(plan.id, { values: true });
  expect(next).toBeUndefined();
  expect(counts).toEqual({ stays: 1, removed: 1, comes_back: 1, restored: 1 });
  expect(items.map(({ resource, fate }) => [resource, fate])).toEqual([
    [row(1), 'stays'],
    [row(1000), 'removed'],
    [row(3), 'comes_back'],
    [row(2), 'restored'],
  ]);
  const valuesOf = (id: number) =>
    new Map(items.find(({ resource }) => resource === row(id))?.values?.map(({ part, ...value }) => [part, value]));
  expect(valuesOf(1)).toEqual(
    new Map([
      ['plan', { before: "'paid'", after: 'NULL' }],
      ['note', { hidden: 'long' }],
    ]),
  );
  expect(valuesOf(2).get('plan')).toEqual({ before: "'paid'", after: "'trial'" });
  expect(valuesOf(2).get('email')).toEqual({ hidden: 'masked' });
  expect(valuesOf(2).get('password')).toEqual({ hidden: 'masked' });
  expect(valuesOf(1000).get('plan')).toEqual({ after: "'new'" });
  expect(valuesOf(3).get('plan')).toEqual({ before: "'paid'" });
  expect(JSON.stringify(items)).not.toMatch(/hunter2|example\.com/);
  expect((await stage.operator.planRows(plan.id, { values: true, step: 1 })).items.map(({ resource }) => resource)).toEqual([
    row(1),
    row(1000),
    row(3),
    row(2),
  ]);
  expect((await stage.operator.planRows(plan.id)).items.every(({ values }) => values === undefined)).toBe(true);
  expect((await stage.operator.planRows(plan.id, { in: 'postgres://shop/public.other/' })).items).toEqual([]);
});

test('rows come in pages, each once; with values at most 100 of them; a made-up cursor is refused', async () => {
  const bulk = await stage.agent('bulk');
  await bulk.sql('downgrade', "UPDATE customers SET note = 'bulk' WHERE id BETWEEN 11 AND 300");
  const { id } = await stage.operator.createPlan({ selection: { agents: ['bulk'] } });
  const seen: string[] = [];
  let pages = 0;
  for (let cursor: string | undefined = ''; cursor !== undefined; pages += 1) {
    const page = await stage.operator.planRows(id, { values: true }, { limit: 500, ...(cursor !== '' && { cursor }) });
    expect(page.counts).toEqual({ restored: 290 });
    expect(page.items.every(({ values }) => values?.[0]?.before === "'short'" && values[0].after === "'bulk'")).toBe(true);
    seen.push(...page.items.map(({ resource }) => resource));
    cursor = page.next;
  }
  expect([pages, seen.length, new Set(seen).size]).toEqual([3, 290, 290]);
  for (const cursor of ['0', '-1', 'x', Buffer.from('[1,2,3,4]').toString('base64url'), Buffer.from('[0,"x",1]').toString('base64url')])
    await expect(stage.operator.planRows(id, {}, { cursor })).rejects.toMatchObject({ problem: { code: 'cursor_invalid' } });
  const end = Buffer.from('[9,"x",0,0]').toString('base64url');
  expect((await stage.operator.planRows(id, {}, { cursor: end })).items).toEqual([]);
});
