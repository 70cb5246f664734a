import { readFile } from 'node:fs/promises';
import {
  headerOf,
  PLAN_LISTS,
  type PlanBody,
  type PlanCounts,
  type PlanItem,
  type PlanList,
  type PlanStep,
  planCounter,
  planDigest,
  readPlan,
} from '@recant/planner';
import { type TestDatabase, testLedgerDatabase } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPlans } from './index.ts';

const TENANT = 'acme';
const MIGRATIONS_FOLDER = new URL('../../../../prisma/migrations/', import.meta.url);
const MIGRATIONS = ['20261201023000_plan_items', '20261201025000_plan_counts'];

let database: TestDatabase;
let pool: pg.Pool;
/** Superuser, as somebody with the database in their hands. */
let owner: pg.Pool;
beforeAll(async () => {
  database = await testLedgerDatabase();
  pool = new pg.Pool({ connectionString: database.url }).on('error', () => undefined);
  owner = new pg.Pool({ connectionString: database.ownerUrl }).on('error', () => undefined);
});
afterAll(async () => {
  await Promise.all([pool.end(), owner.end()]);
  await database.drop();
});

const who = (action: string) => ({ ref: { source: 'recant://a/1', action, attempt: 1 }, agent: 'a', tool: 'rename "ü"' });
const row = (id: number): string => `postgres://shop/public.t/${id}`;

function stepOf(step: number, rows: number): PlanStep {
  const resources = Array.from({ length: rows }, (_, at) => row(step * 1_000_000 + at));
  const { ref: undoes, ...of } = who(`step${step}`);
  return {
    ...of,
    step,
    undoes,
    grade: 'attested',
    ...(step === 2 && {
      stays: [row(1), row(2)],
      changed: [row(2)],
      overwrites: [{ resource: row(3), part: 'x', version: null, through: '7', who: 'eve at noon', detail: '1 → 2' }],
    }),
    systems: [
      {
        system: 'shop',
        connector: 'postgres',
        effects: rows,
        knownOrdinals: Object.fromEntries(resources.map((resource) => [resource, '9'])),
        guards: resources.map((resource) => ({ resource, part: 'x', before: null, after: 'v' })),
      },
    ],
    after: step > 1 ? [step - 1] : [],
  };
}

const NONE = { created: 0, deleted: 0, changed: 0 };
function bodyOf(steps: readonly PlanStep[]): PlanBody {
  return {
    version: 1,
    tenant: TENANT,
    mode: 'skip',
    selection: { agents: ['a'] },
    vector: { 0: '12' },
    sources: { 'recant://a/1': 3 },
    steps,
    left: [1, 2, 3].map((at) => ({ ...who(`left${at}`), reason: 'skipped', detail: 'in conflict' })),
    conflicts: [1, 2].map((at) => ({ ...who(`left${at}`), kind: 'drift', resource: row(at), detail: 'changed' })),
    ambiguous: [{ ...who('other'), changes: 4, resources: [row(9)] }],
    tainted: [],
    totals: { undone: NONE, stays: NONE, compensated: 0, scopes: [], scopesMore: 0, tools: [], toolsMore: 0 },
  };
}

async function put(id: string, body: PlanBody): Promise<void> {
  await createPlans(pool).put(
    TENANT,
    { id, digest: planDigest(body), counts: countsOf(body), body, by: 'key1', createdAtMs: 1 },
    { source: `s/${id}`, items: [] },
  );
}

/** The digest of what is stored, and the one that it had. */
function countsOf(body: PlanBody): PlanCounts {
  const counter = planCounter();
  planDigest(body, counter);
  return counter.counts();
}

async function digestsOf(id: string, plans = createPlans(pool)) {
  const found = await plans.find(TENANT, id);
  if (!found) throw new Error(`expected the plan ${id}`);
  return { read: await readPlan(plans, { tenant: TENANT, id, header: found.header }), made: found.digest };
}

async function bodyIn(id: string, plans = createPlans(pool)): Promise<PlanBody> {
  const found = await plans.find(TENANT, id);
  if (!found) throw new Error(`expected the plan ${id}`);
  const lists: Record<PlanList, PlanItem[]> = { ambiguous: [], conflicts: [], left: [], steps: [], tainted: [] };
  for (const list of PLAN_LISTS) for await (const item of plans.all(TENANT, id, list)) lists[list].push(item);
  return { ...found.header, ...lists } as PlanBody;
}

test('a plan reads back as it was stored, however many steps or rows it has', async () => {
  const many = bodyOf(Array.from({ length: 2_500 }, (_, at) => stepOf(at + 1, at % 3)));
  await put('many', many);
  expect(await bodyIn('many')).toEqual(many);
  const wide = bodyOf([stepOf(1, 2), stepOf(2, 60_000), stepOf(3, 1)]);
  await put('wide', wide);
  const { read, made } = await digestsOf('wide');
  expect(read).toBe(made);
  expect(await createPlans(pool).find('globex', 'wide')).toBeUndefined();
  expect(await createPlans(pool).steps('globex', 'wide', [1])).toEqual([]);
  expect(await createPlans(pool).steps(TENANT, 'wide', [3, 1, 9])).toEqual([stepOf(1, 2), stepOf(3, 1)]);
});

test('a page of heads has no row of a step, is bounded, and says where it ends', async () => {
  await put('wide', bodyOf([stepOf(1, 2), stepOf(2, 60_000), stepOf(3, 1)]));
  const plans = createPlans(pool);
  const first = await plans.heads(TENANT, 'wide', 'steps', 0, 2);
  expect(first).toMatchObject({ items: [{ step: 1 }, { step: 2, stays: 2, overwrites: 1, systems: [{ resources: 60_000 }] }], next: 2 });
  expect(first.items[1]?.changes).toMatchObject([{ fate: 'restored', parts: ['x'], rows: 60_000 }]);
  expect(JSON.stringify(first).length).toBeLessThan(5_000);
  expect(await plans.heads(TENANT, 'wide', 'steps', 2, 2)).toMatchObject({ items: [{ step: 3 }] });
  expect(await plans.heads(TENANT, 'wide', 'steps', 3, 2)).toEqual({ items: [] });
  const long = 'x'.repeat(1_500_000);
  const left = [1, 2, 3, 4].map((at) => ({ ...who(`left${at}`), reason: 'skipped' as const, detail: `${at}${long}` }));
  await put('long', { ...bodyOf([]), left });
  const page = await plans.heads(TENANT, 'long', 'left', 0, 100);
  expect([page.items.length, page.next]).toEqual([3, 3]);
  expect((await plans.heads(TENANT, 'long', 'left', 3, 100)).next).toBeUndefined();
  expect(await bodyIn('long')).toMatchObject({ left });
});

test('nobody but the owner of the database changes, removes or adds an item after the fact, and the digest shows all of it', async () => {
  await put('kept', bodyOf([1, 2, 3].map((step) => stepOf(step, 2))));
  for (const statement of ["UPDATE recant.plan_item SET head = '{}'", 'DELETE FROM recant.plan_item', 'TRUNCATE recant.plan_item'])
    await expect(pool.query(statement), statement).rejects.toMatchObject({ code: '42501' });
  const step = (of: number): string => `plan_id = 'tampered' AND list = 'steps' AND n = ${of}`;
  const changes = [
    `UPDATE recant.plan_item SET head = replace(head, 'step1', 'step9') WHERE ${step(1)}`,
    `UPDATE recant.plan_item SET detail = replace(detail, '"v"', '"w"') WHERE ${step(2)}`,
    `UPDATE recant.plan_item SET detail = replace(detail, '"through":"7"', '"through":"8"') WHERE ${step(2)}`,
    `UPDATE recant.plan_item SET detail = NULL WHERE ${step(1)}`,
    `UPDATE recant.plan_item SET list = 'conflicts', n = 9 WHERE ${step(1)}`,
    `DELETE FROM recant.plan_item WHERE ${step(3)}`,
    `DELETE FROM recant.plan_item WHERE plan_id = 'tampered' AND list = 'conflicts'`,
    `INSERT INTO recant.plan_item SELECT tenant_id, plan_id, list, 4, head, detail FROM recant.plan_item WHERE ${step(3)}`,
    `UPDATE recant.plan_item SET n = n + 3 WHERE ${step(1)}`,
    `UPDATE recant.plan SET header = replace(header, '"skip"', '"force"') WHERE id = 'tampered'`,
  ];
  await owner.query('ALTER TABLE recant.plan_item DISABLE TRIGGER append_only');
  for (const change of changes) {
    await put('tampered', bodyOf([1, 2, 3].map((at) => stepOf(at, 2))));
    const { read, made } = await digestsOf('tampered');
    expect(read).toBe(made);
    expect((await owner.query(change)).rowCount, change).toBeGreaterThan(0);
    const after = await digestsOf('tampered');
    expect([after.made, after.read === made], change).toEqual([made, false]);
    await owner.query("DELETE FROM recant.plan_item WHERE plan_id = 'tampered'");
    await owner.query("DELETE FROM recant.plan WHERE id = 'tampered'");
  }
});

test('a plan from before items had rows keeps its digest', async () => {
  await using old = await testLedgerDatabase();
  const client = new pg.Client({ connectionString: old.ownerUrl });
  await client.connect();
  const body = bodyOf([1, 2, 3].map((step) => stepOf(step, 3)));
  try {
    await client.query(
      'DROP TABLE recant.plan_item; ALTER TABLE recant.plan RENAME COLUMN header TO body; ALTER TABLE recant.plan DROP COLUMN counts',
    );
    await client.query("INSERT INTO recant.tenant (id) VALUES ('acme')");
    await client.query(
      "INSERT INTO recant.plan (tenant_id, id, digest, mode, body, summary, key_id) VALUES ('acme', 'old', decode($1, 'hex'), 'skip', $2, '{}', 'key1')",
      [planDigest(body), JSON.stringify(body)],
    );
    for (const name of MIGRATIONS) await client.query(await readFile(new URL(`${name}/migration.sql`, MIGRATIONS_FOLDER), 'utf8'));
    const { rows } = await client.query('SELECT header FROM recant.plan');
    expect(JSON.parse(rows[0].header)).toEqual(headerOf(body));
    await client.query('GRANT SELECT ON recant.plan_item TO recant_reader');
  } finally {
    await client.end();
  }
  const reading = new pg.Pool({ connectionString: old.ownerUrl });
  try {
    const plans = createPlans(reading);
    expect(await bodyIn('old', plans)).toEqual(body);
    const heads = async (id: string, of: typeof plans) => (await of.heads(TENANT, id, 'steps', 0, 9)).items;
    await put('as-old', body);
    expect(await heads('old', plans)).toEqual(await heads('as-old', createPlans(pool)));
    expect((await plans.find(TENANT, 'old'))?.counts).toEqual(countsOf(body));
  } finally {
    await reading.end();
  }
});
