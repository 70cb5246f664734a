import { randomBytes, randomUUID } from 'node:crypto';
import { LEDGER_ROUTES, ROLLBACK_ROUTES, type Role, type RouteDescriptor } from '@recant/api';
import { createClient } from '@recant/client';
import { type DataKeys, localMasterKey, postgresDataKeys, prepareDataKeys } from '@recant/data-keys';
import { partDigest, SEAL_NONCE_BYTES, sealPart } from '@recant/events';
import { type TestDatabase, testDatabase } from '@recant/test-support';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage, TENANT } from '../../services/rollback/test/harness.ts';
import { rowsLookedAt, type Statement, shapeOf, statementsOf } from './statements.ts';

/** All routes, from the descriptors: a new route is included automatically, and a new kind of id fails until it has a value below. */
const ROUTES: readonly RouteDescriptor[] = [...LEDGER_ROUTES, ...ROLLBACK_ROUTES];
const ROLES: readonly Role[] = ['view', 'plan', 'execute', 'export', 'administer', 'unseal'];
/** Not ids of one tenant: every tenant has each of them. */
const PLACES = { shard: '0', path: '0/000', step: '1', pid: '1' };
/** Their answers are the number of destroyed keys, 0 in both cases, and no system. */
const ANSWERED = ['eraseSubject', 'showErasure'];

let stage: Stage;
let bearer: string;
let database: pg.Client;
/** An id of A and an unknown id, by parameter name. */
let ids: Readonly<Record<string, { readonly theirs: string; readonly unknown: string }>>;
let planDigest: string;
let keysDatabase: TestDatabase;
let dataKeys: DataKeys;

beforeAll(async () => {
  keysDatabase = await testDatabase();
  await prepareDataKeys(keysDatabase.ownerUrl, new URL(keysDatabase.url).username);
  dataKeys = postgresDataKeys({ connectionString: keysDatabase.url, masterKey: localMasterKey([randomBytes(32)]) });
  stage = await createStage({ worker: false, projects: false, dataKeys });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const bot = await stage.agent('pricer');
  await bot.sql('reprice', 'UPDATE orders SET price = 3 WHERE id = 50');
  // Its heartbeats would be mixed with the statements of a request.
  await bot.close();
  const action = (await stage.operator.attempts({ agent: ['pricer'] })).items[0]?.action ?? '';
  const plan = await stage.operator.createPlan({ selection: { agents: ['pricer'] } });
  const run = await stage.operator.createRun(plan.id, plan.digest);
  const key = await stage.operator.createKey({ roles: ['view'], agents: [], resources: [], sourcePrefix: 'recant://' });
  await stage.store.alarms.raise(TENANT, [{ code: 'source_gap', subject: 's', detail: 'd', action: 'a' }]);
  const alarm = (await stage.operator.alarms()).items[0]?.alarm ?? '';
  const { id: freeze } = await stage.store.freezes.order(TENANT, { scope: 'session', value: 's', reason: 'r', by: 'b' });
  const terms = { reason: 'r', by: 'b', expiresAtMs: Date.now() + 3_600_000 };
  const { id: fence } = await stage.store.fences.set(TENANT, { key: '0'.repeat(64), tool: 't', resources: [] }, terms);
  planDigest = plan.digest;
  const { digest, subject } = await sealedPart();
  const unknown = (like: string) =>
    like.length === 36 ? `${like.slice(0, 14)}${randomUUID().slice(14)}` : `${like.slice(0, -4)}0000`.slice(-like.length);
  ids = Object.fromEntries(
    Object.entries({
      action,
      plan: plan.id,
      run: run.id,
      keyId: key.keyId,
      alarm,
      freeze,
      fence,
      agent: 'pricer',
      digest,
      subject,
      system: 'shop',
    }).map(([name, theirs]) => [name, { theirs, unknown: unknown(theirs) }]),
  );
  bearer = await stage.makeKey({ tenant: 'globex', roles: [...ROLES], agents: [], resources: [] });
  // The first act of a tenant opens its source; logs are made on first use.
  await createClient({ url: stage.url, apiKey: bearer }).createKey({
    roles: ['view'],
    agents: [],
    resources: [],
    sourcePrefix: 'recant://',
  });
  database = new pg.Client({ connectionString: stage.databaseUrl });
  await database.connect();
  await database.query('SET ROLE recant_writer');
}, 120_000);
afterAll(async () => {
  await database?.end();
  await stage?.[Symbol.asyncDispose]();
  await dataKeys?.close();
  await keysDatabase?.drop();
});

/** A part of A, sealed under a key of one of its subjects. */
async function sealedPart(): Promise<{ digest: string; subject: string }> {
  const subject = 'customer-42';
  const agents = createClient({ url: stage.url, apiKey: await stage.makeKey() });
  const made = await agents.createDataKey(subject);
  const bytes = sealPart(
    Buffer.from('{}'),
    { keyId: made.keyId, key: Buffer.from(made.key, 'base64') },
    made,
    randomBytes(SEAL_NONCE_BYTES),
  );
  const salt = randomBytes(16);
  const digest = partDigest(salt, bytes);
  await agents.putPart(digest, salt.toString('base64url'), bytes);
  return { digest, subject };
}

const parametersOf = ({ params }: RouteDescriptor): string[] => Object.keys(params?.shape ?? {});
/** Routes for people refuse a key before they read an id, and record that a second later, among the statements of another request. */
const withIds = ROUTES.filter(({ callers }) => callers !== 'people').filter((route) =>
  parametersOf(route).some((name) => !(name in PLACES)),
);

/** Bodies of the requests that need one. */
function bodyOf({ operationId }: RouteDescriptor): object | undefined {
  return {
    createRun: { plan: '', digest: '' },
    rotateKey: {},
    acknowledgeAlarm: { reason: 'r' },
    thawFreeze: { reason: 'r' },
    allowFenced: { reason: 'r' },
    endFence: { reason: 'r' },
    acceptIncomplete: { reason: 'r' },
    settleAttempt: { as: 'failed', reason: 'r' },
  }[operationId as string];
}

interface Asked {
  readonly answer: { readonly status: number; readonly text: string; readonly headers: Record<string, string> };
  readonly statements: readonly Statement[];
}

async function ask(route: RouteDescriptor, whose: 'theirs' | 'unknown', over: { path?: string; body?: object } = {}): Promise<Asked> {
  const path = (over.path ?? route.path).replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = ids[name]?.[whose] ?? PLACES[name as keyof typeof PLACES];
    if (value === undefined) throw new Error(`${route.operationId} takes a ${name}: add an id of A here`);
    return value;
  });
  const body = over.body ?? bodyOf(route);
  const { result, statements } = await statementsOf(async () => {
    const response = await fetch(`${stage.url}${path}`, {
      method: route.method.toUpperCase(),
      headers: { authorization: `Bearer ${bearer}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text(), headers: Object.fromEntries(response.headers) };
  });
  const { 'request-id': _id, date: _date, ...headers } = result.headers;
  const used = Object.values(ids).map((pair) => pair[whose]);
  return { answer: { ...result, headers, text: used.reduce((text, id) => text.replaceAll(id, 'ID'), result.text) }, statements };
}

/** Expects byte-identical answers, the same statements in the same order, and the same numbers of rows read. */
async function expectAlike(
  route: RouteDescriptor,
  over: (whose: 'theirs' | 'unknown') => Parameters<typeof ask>[2] = () => ({}),
): Promise<void> {
  // Keys are cached for a while: send a request first, so that both find them cached.
  await ask(route, 'unknown', over('unknown'));
  // Background work of the service (reconnecting, writing counters) sometimes falls into one of the two requests; a real difference persists.
  const [unknown, theirs] = await untilSameWork(async () => [
    await ask(route, 'unknown', over('unknown')),
    await ask(route, 'theirs', over('theirs')),
  ]);
  expect(Math.floor(unknown.answer.status / 100), unknown.answer.text).toBe(ANSWERED.includes(route.operationId) ? 2 : 4);
  expect(theirs.answer).toEqual(unknown.answer);
  expect(theirs.statements.map(shapeOf)).toEqual(unknown.statements.map(shapeOf));
  const rows = await rowsLookedAt(database, theirs.statements);
  expect(rows.some((count) => count !== undefined)).toBe(true);
  expect(rows).toEqual(await rowsLookedAt(database, unknown.statements));
}

const TRIES_MAX = 10;

async function untilSameWork(askBoth: () => Promise<[Asked, Asked]>): Promise<[Asked, Asked]> {
  for (let tried = 1; ; tried += 1) {
    const [one, other] = await askBoth();
    const isSame = JSON.stringify(one.statements.map(shapeOf)) === JSON.stringify(other.statements.map(shapeOf));
    if (isSame || tried === TRIES_MAX) return [one, other];
  }
}

test('the ids in use are A’s and unknown ones', async () => {
  const { action, plan, run, keyId } = ids as Record<'action' | 'plan' | 'run' | 'keyId', { theirs: string; unknown: string }>;
  expect((await stage.operator.action(action.theirs)).attempts).toHaveLength(1);
  expect([(await stage.operator.plan(plan.theirs)).id, (await stage.operator.run(run.theirs)).id]).toEqual([plan.theirs, run.theirs]);
  expect((await stage.operator.keys()).map((key) => key.keyId)).toContain(keyId.theirs);
  await expect(stage.operator.plan(plan.unknown)).rejects.toMatchObject({ code: 'plan_unknown' });
});

test.each(withIds.map((route) => [route.operationId, route] as const))(
  'I10: %s answers another tenant’s id like an unknown one, with the same work',
  async (_, route) => {
    await expectAlike(route);
  },
);

const routeOf = (operationId: string): RouteDescriptor => ROUTES.find((route) => route.operationId === operationId) as RouteDescriptor;

test('I10: a plan in a body, and runs, agents and resources in a selection, are answered like unknown ones', async () => {
  await expectAlike(routeOf('createRun'), (whose) => ({ body: { plan: ids.plan?.[whose], digest: planDigest } }));
  await expectAlike(routeOf('createPlan'), (whose) => ({ body: { selection: { runs: [ids.run?.[whose]] } } }));
  await expectAlike(routeOf('createPlan'), (whose) => ({ body: { selection: { agents: [ids.agent?.[whose]] } } }));
});
