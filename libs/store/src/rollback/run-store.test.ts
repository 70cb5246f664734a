import type { PlanBody } from '@recant/planner';
import { planCounter, planDigest } from '@recant/planner';
import { testLedgerDatabase } from '@recant/test-support';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createOutbox, createPlans, createRunStore, createRuns } from './index.ts';

const LEASE_MS = 60_000;
const TENANT = 'acme';

async function stage() {
  const database = await testLedgerDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 8 }).on('error', () => undefined);
  const [plans, runs, store, outbox] = [createPlans(pool), createRuns(pool), createRunStore(pool, LEASE_MS), createOutbox(pool)];
  const queue = async (name: string, resources: readonly string[], steps = 2) => {
    const undoes = { source: 'recant://a/1', action: name, attempt: 1 };
    const planSteps = Array.from({ length: steps }, (_, at) => ({
      step: at + 1,
      undoes,
      agent: 'a',
      tool: 't',
      grade: 'claimed' as const,
      systems: [],
      after: [],
    }));
    const body: PlanBody = {
      version: 1,
      tenant: TENANT,
      mode: 'skip',
      selection: { agents: [name] },
      vector: {},
      sources: {},
      steps: planSteps,
      left: [],
      conflicts: [],
      ambiguous: [],
      tainted: [],
      totals: {
        undone: { created: 0, deleted: 0, changed: 0 },
        stays: { created: 0, deleted: 0, changed: 0 },
        ...{ compensated: 0, scopes: [], scopesMore: 0, tools: [], toolsMore: 0 },
      },
    };
    const counter = planCounter();
    const digest = planDigest(body, counter);
    await plans.put(
      TENANT,
      { id: `plan-${name}`, digest, counts: counter.counts(), body, by: 'key1', createdAtMs: 1 },
      { source: `s/plan/${name}`, items: [] },
    );
    const events = [{ sequence: 1, bytes: Buffer.from('{}') }];
    return runs.create(TENANT, {
      id: name,
      plan: `plan-${name}`,
      digest,
      by: 'key1',
      source: `s/${name}`,
      steps: planSteps.map(({ step }) => step),
      resources: resources.map((resource, at) => ({ step: 1 + (at % steps), resource })),
      events,
      sequenceNext: 2,
    });
  };
  const end = async (): Promise<void> => {
    await pool.end();
    await database.drop();
  };
  return { pool, runs, store, outbox, queue, [Symbol.asyncDispose]: end };
}

test('concurrent workers claim distinct runs; a run waits only for the resources of an older run’s open steps, and says for which run', async () => {
  await using at = await stage();
  await at.queue('first', ['r1', 'r2']);
  await at.queue('second', ['r2', 'r3']);
  await at.queue('third', ['r4']);
  const claims = await Promise.all(['a', 'b', 'c', 'd'].map((worker) => at.store.claim(worker, LEASE_MS)));
  const got = claims.flatMap((claim) => claim?.run ?? []);
  // SKIP LOCKED may leave a free run to the next poll, never give one twice.
  expect(new Set(got).size).toBe(got.length);
  const rest = await at.store.claim('e', LEASE_MS);
  expect(new Set([...got, ...(rest ? [rest.run] : [])])).toEqual(new Set(['first', 'third']));

  const first = [...claims, rest].find((claim) => claim?.run === 'first');
  if (!first) throw new Error('no worker claimed the first run');
  await at.store.commit(first, { steps: [], events: [], run: { from: 'queued', to: 'running' } });
  await at.store.commit(first, { steps: [{ step: 1, state: 'stuck' }], events: [] });
  expect(await at.store.claim('f', LEASE_MS)).toBeUndefined();
  const waits = async () =>
    (await at.runs.list(TENANT, { limit: 9 })).runs.map(({ id, waits }) => [id, waits.map((wait) => wait.run ?? wait.for)]);
  expect(await waits()).toEqual([
    ['third', []],
    ['second', ['first']],
    ['first', ['person']],
  ]);
  await at.store.commit(first, { steps: [{ step: 2, state: 'ended', outcome: 'restored' }], events: [] });
  await at.store.commit(first, { steps: [], events: [], run: { from: 'running', to: 'waiting' } });
  expect(await waits()).toEqual([
    ['third', []],
    ['second', []],
    ['first', ['person']],
  ]);
  expect(await at.store.claim('f', LEASE_MS)).toMatchObject({ run: 'second' });
});

test('a worker that lost its lease writes neither state nor events', async () => {
  await using at = await stage();
  await at.queue('run', ['r1']);
  const old = await at.store.claim('old', 0);
  const now = await at.store.claim('new', LEASE_MS);
  if (!old || !now) throw new Error('both workers must claim the run in turn');
  expect(now.token).toBeGreaterThan(old.token);
  const events = [{ sequence: 2, bytes: Buffer.from('{}') }];
  expect(await at.store.commit(old, { steps: [{ step: 1, state: 'started' }], events })).toEqual({ kind: 'lost' });
  expect(await at.store.load(old)).toBeUndefined();
  expect([await at.store.renew(old), await at.store.renew(now)]).toEqual([undefined, 'queued']);
  expect((await at.store.load(now))?.steps.map(({ state }) => state)).toEqual(['pending', 'pending']);
  expect(await at.store.commit(now, { steps: [], events })).toEqual({ kind: 'committed', state: 'queued' });
  // Repeated sequence numbers mean that an earlier commit succeeded.
  expect(await at.store.commit(now, { steps: [], events })).toEqual({ kind: 'lost' });
  expect((await at.outbox.unsent(TENANT, 's/run', 10)).map(({ sequence }) => sequence)).toEqual([1, 2]);
  await at.outbox.acknowledged(TENANT, 's/run', 1);
  expect((await at.outbox.unsent(TENANT, 's/run', 10)).map(({ sequence }) => sequence)).toEqual([2]);
});

test('a worker with a stale view never overwrites an operator’s decision', async () => {
  await using at = await stage();
  await at.queue('run', ['r1']);
  const claim = await at.store.claim('w', LEASE_MS);
  if (!claim) throw new Error('the run must be claimable');
  await at.store.commit(claim, {
    steps: [
      { step: 1, state: 'stuck' },
      { step: 2, state: 'ended', outcome: 'restored' },
    ],
    events: [],
    run: { from: 'queued', to: 'running' },
  });
  expect(await at.runs.actOnStep(TENANT, 'run', 2, 'retry')).toBe('not_stuck');
  expect(await at.runs.actOnStep(TENANT, 'run', 1, 'retry')).toBe('done');
  expect(await at.store.commit(claim, { steps: [], events: [], run: { from: 'running', to: 'waiting' } })).toEqual({
    kind: 'moved',
    state: 'running',
  });
  expect(await at.runs.act(TENANT, 'run', 'pause')).toBe('done');
  expect(await at.store.commit(claim, { steps: [], events: [], run: { from: 'running', to: 'finished' } })).toEqual({
    kind: 'moved',
    state: 'pausing',
  });
  expect(await at.store.commit(claim, { steps: [{ step: 1, state: 'ended', outcome: 'restored' }], events: [] })).toEqual({
    kind: 'committed',
    state: 'pausing',
  });
  expect(await at.runs.act(TENANT, 'run', 'cancel')).toBe('done');
  expect(await at.runs.act(TENANT, 'run', 'resume')).toBe('cancelling');
});

test('a plan runs at most once, however often it is requested', async () => {
  await using at = await stage();
  const asked = await Promise.all(Array.from({ length: 5 }, () => at.queue('run', ['r1'])));
  expect(asked.filter((one) => one !== 'withdrawn' && one.created)).toHaveLength(1);
  expect(new Set(asked.map((one) => one !== 'withdrawn' && one.id)).size).toBe(1);
  expect(await at.runs.list('other', { limit: 10 })).toEqual({ runs: [] });
});
