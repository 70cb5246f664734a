import { randomUUID } from 'node:crypto';
import type { RunProgressView } from '@recant/api';
import { createApp, createLogger, createRouter, type Listening, listen } from '@recant/service';
import { runProgressReader } from '@recant/store';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRunWatches } from '../src/progress/run-watches.ts';
import { watchRunRoute } from '../src/progress/watching.ts';
import { createStage, type Stage, TENANT } from './harness.ts';

/** No worker: the tests change what it would change. */
let stage: Stage;
let viewer: string;
let plan: { readonly id: string; readonly digest: string };
beforeAll(async () => {
  stage = await createStage({ worker: false, progressMs: 10 });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const agent = await stage.agent('repricer');
  for (const id of [1, 2, 3]) await agent.sql('reprice', `UPDATE orders SET price = 1 WHERE id = ${id}`);
  viewer = await stage.makeKey({ roles: ['view'], agents: [], resources: [] });
  plan = await stage.operator.createPlan({ selection: { agents: ['repricer'] }, mode: 'skip' });
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

/** The plan's run, as it was when it started. */
async function newRun(): Promise<string> {
  const { id } = await stage.operator.createRun(plan.id, plan.digest);
  await change(id, "state = 'queued', finished_at = NULL");
  await stage.store.pool.query(`UPDATE recant.run_step SET state = 'pending', outcome = NULL, findings = '[]' WHERE run_id = $1`, [id]);
  return id;
}
const change = (run: string, what: string) => stage.store.pool.query(`UPDATE recant.run SET ${what} WHERE id = $1`, [run]);
const endStep = (run: string, step: number) =>
  stage.store.pool.query(`UPDATE recant.run_step SET state = 'ended', outcome = 'restored' WHERE run_id = $1 AND step = $2`, [run, step]);
const get = (url: string, path: string, key: string, after?: string) =>
  fetch(`${url}/v1/runs/${path}`, { headers: { authorization: `Bearer ${key}`, ...(after && { 'last-event-id': after }) } });
const idsOf = (text: string) => [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => String(id));

test('each change is one snapshot with counts, rows to go and what it waits for; the end is the last', async () => {
  const run = await newRun();
  const progress = stage.clientOf(viewer).followRun(run);
  const next = async () => (await progress.next()).value as RunProgressView;
  const first = { run, state: 'queued', steps: 3, states: { pending: 3 }, outcomes: {}, rowsLeft: 3, stuck: [], waits: [] };
  expect(await next()).toEqual({ ...first, createdAt: expect.any(String) });
  await endStep(run, 1);
  expect(await next()).toMatchObject({ states: { pending: 2, ended: 1 }, outcomes: { restored: 1 } });
  await stage.store.pool.query(
    `UPDATE recant.run_step SET state = 'stuck', findings = '[{"code":"locked"}]' WHERE run_id = $1 AND step = 2`,
    [run],
  );
  expect(await next()).toMatchObject({
    stuck: [{ code: 'locked', steps: 1 }],
    waits: [{ for: 'person', detail: '1 step is stuck: retry or skip it.' }],
  });
  await change(run, "state = 'cancelled', finished_at = now()");
  expect(await next()).toMatchObject({ state: 'cancelled', finishedAt: expect.any(String) });
  expect(await progress.next()).toEqual({ done: true, value: undefined });
});

test('ids grow along a stream, and a resumed stream repeats nothing: neither here nor from another process, nor after the end', async () => {
  const run = await newRun();
  const other = await anotherProcess();
  const first = await (await get(stage.url, `${run}/progress?seconds=0`, viewer)).text();
  const [id = ''] = idsOf(first);
  expect(id).toMatch(/^\d{13}-[0-9a-f]{16}$/);
  expect(idsOf(await (await get(other.url, `${run}/progress?seconds=0`, viewer, id)).text())).toEqual([]);
  const streaming = await get(stage.url, `${run}/progress`, viewer, id);
  const rest = streaming.text();
  await change(run, "state = 'finished', finished_at = now()");
  const [last = '', ...more] = idsOf(await rest);
  expect(more).toEqual([]);
  expect(Number(last.split('-')[0])).toBeGreaterThan(Number(id.split('-')[0]));
  expect((await get(other.url, `${run}/progress`, viewer, last)).status).toBe(204);
  expect(idsOf(await (await get(stage.url, `${run}/progress`, viewer, id)).text())).toHaveLength(1);
  await other.close(1_000);
});

test('a run of another tenant is unknown, a role that may not see runs is refused, and so is an id of no event', async () => {
  const run = await newRun();
  const refusal = async (key: string, path = `${run}/progress`, after?: string) => {
    const response = await get(stage.url, path, key, after);
    return [response.status, ((await response.json()) as { code: string }).code];
  };
  expect(await refusal(await stage.makeKey({ tenant: 'other', roles: ['view'], agents: [] }))).toEqual([404, 'run_unknown']);
  expect(await refusal(viewer, 'no-such-run/progress')).toEqual([404, 'run_unknown']);
  expect(await refusal(await stage.makeKey())).toEqual([403, 'role_missing']);
  expect(await refusal(viewer, `${run}/progress`, 'x')).toEqual([400, 'request_invalid']);
  expect(await refusal(viewer, `${run}/progress?seconds=26`)).toEqual([400, 'request_invalid']);
});

test('a revoked key loses the stream when it ends: the next connection is refused', async () => {
  const run = await newRun();
  const key = await stage.makeKey({ roles: ['view'], agents: [] });
  const streaming = await get(stage.url, `${run}/progress?seconds=1`, key);
  const [, keyId = ''] = key.split('_');
  expect(await stage.store.credentials.revoke(TENANT, keyId)).toBe(true);
  const [id = ''] = idsOf(await streaming.text());
  expect((await get(stage.url, `${run}/progress`, key, id)).status).toBe(401);
});

test('a restart of the service in the middle is not seen by who follows', async () => {
  const run = await newRun();
  const before = await anotherProcess();
  const progress = stage.clientOf(viewer, before.url).followRun(run);
  const next = async () => (await progress.next()).value as RunProgressView;
  expect(await next()).toMatchObject({ state: 'queued' });
  await before.close(1_000_000);
  const after = await anotherProcess(before.port);
  await endStep(run, 1);
  expect(await next()).toMatchObject({ outcomes: { restored: 1 } });
  await change(run, "state = 'finished', finished_at = now()");
  expect(await next()).toMatchObject({ state: 'finished' });
  await after.close(1_000);
});

test('viewers of one run share its reads, a new one sees what was changed just before, and without viewers nothing is read', async () => {
  const run = await newRun();
  const read = runProgressReader(stage.store.pool);
  let [reads, reading] = [0, 0];
  const watches = createRunWatches(async (tenant, id) => {
    reads += 1;
    reading += 1;
    expect(reading).toBe(1);
    return read(tenant, id).finally(() => {
      reading -= 1;
    });
  }, 1_000_000);
  const { signal } = new AbortController();
  const opened = await Promise.all(Array.from({ length: 50 }, () => watches.open(TENANT, run)));
  expect(reads).toBeLessThan(3);
  for (const each of opened) expect(JSON.parse((await each?.next(signal))?.data ?? '')).toMatchObject({ state: 'queued' });
  const waiting = opened.map((each) => each?.next(signal));
  await change(run, "state = 'paused'");
  const late = await watches.open(TENANT, run);
  for (const each of [...waiting, late?.next(signal)]) expect(JSON.parse((await each)?.data ?? '')).toMatchObject({ state: 'paused' });
  const pending = late?.next(signal);
  for (const each of [...opened, late]) each?.close();
  expect(await pending).toBeUndefined();

  const fast = createRunWatches(async (tenant, id) => {
    reads += 1;
    return read(tenant, id);
  }, 1);
  const only = await fast.open(TENANT, run);
  await expect.poll(() => reads).toBeGreaterThan(5);
  only?.close();
  expect(await fast.open(TENANT, 'no-such-run')).toBeUndefined();
  const idle = reads;
  await stage.store.pool.query('SELECT pg_sleep(0.05)');
  expect(reads - idle).toBeLessThan(2);
});

test('however many watch, one read of a tenant runs at a time: workers commit over the same connections', async () => {
  const run = await newRun();
  const owner = new pg.Client({ connectionString: stage.databaseOwnerUrl });
  await owner.connect();
  await owner.query('BEGIN; LOCK TABLE recant.run_step IN ACCESS EXCLUSIVE MODE');
  const read = runProgressReader(stage.store.pool);
  const reads = Promise.all(Array.from({ length: 5 }, () => read(TENANT, run)));
  const waiting = async () => {
    const { rows } = await owner.query(
      `SELECT count(*)::int AS n FROM pg_locks WHERE relation = 'recant.run_step'::regclass AND NOT granted`,
    );
    return rows[0].n;
  };
  await expect.poll(waiting).toBeGreaterThan(0);
  expect(await waiting()).toBe(1);
  await owner.query('ROLLBACK');
  await owner.end();
  expect((await reads).map((found) => found?.id)).toEqual(Array(5).fill(run));
});

test('a store that goes away ends the streams, and is named when they are opened again', async () => {
  const run = await newRun();
  const read = runProgressReader(stage.store.pool);
  let away = false;
  const watches = createRunWatches(async (tenant, id) => {
    if (away) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
    return read(tenant, id);
  }, 1);
  const opened = await watches.open(TENANT, run);
  const { signal } = new AbortController();
  await opened?.next(signal);
  const pending = opened?.next(signal);
  away = true;
  expect(await pending).toBeUndefined();
  await expect(watches.open(TENANT, run)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  away = false;
  expect(await watches.open(TENANT, run)).toBeDefined();
});

/** A service with only this route, over the same store. */
async function anotherProcess(port = 0): Promise<Listening> {
  const routers = [createRouter('other', [watchRunRoute(runProgressReader(stage.store.pool), 10)])];
  const acts = { order: async () => async () => {}, refused: () => {}, close: async () => {} };
  const logger = createLogger({ name: 'other', level: 'silent' });
  const described = { title: 'other', version: '0', routers, acts, keyring: stage.store.credentials, health: {}, requestId: randomUUID };
  return listen(createApp({ ...described, logger }), { host: '127.0.0.1', port });
}
