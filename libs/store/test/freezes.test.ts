import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fixture, openFixture } from './fixture.ts';

const LEASE_MS = 60_000;
let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture({ leaseMs: LEASE_MS });
});
afterAll(() => fixture[Symbol.asyncDispose]());

const order = (over: object = {}) => ({ scope: 'agent', value: 'bot', reason: 'a test', by: 'somebody', ...over }) as const;
const ask = (tenant: string, source: string, applied: number, agent = 'bot') =>
  fixture.store.freezes.grant(tenant, { source, agent, applied });

test('I11: a freeze is effective once every lease of its agent knows it, and not before', async () => {
  const { freezes } = fixture.store;
  for (const source of ['a', 'b']) expect(await ask('acme', source, 0)).toMatchObject({ granted: true, version: 0, freezes: [] });
  expect(await ask('acme', 'other', 0, 'other')).toMatchObject({ granted: true });
  const { id } = await freezes.order('acme', order());
  expect(await freezes.progress('acme', id)).toMatchObject({ waiting: { count: 2, shown: ['a', 'b'] } });

  const told = await ask('acme', 'a', 0);
  expect(told).toMatchObject({ granted: false, freezes: [{ id, scope: 'agent', value: 'bot', reason: 'a test', by: 'somebody' }] });
  expect(await freezes.progress('acme', id)).toMatchObject({ waiting: { shown: ['a', 'b'] } });
  expect(await ask('acme', 'a', told.version)).toMatchObject({ granted: true });
  const half = await freezes.progress('acme', id);
  expect([half?.waiting.shown, half?.freeze.effectiveAtMs]).toEqual([['b'], undefined]);
  await ask('acme', 'b', told.version);
  const done = await freezes.progress('acme', id);
  expect(done?.freeze.effectiveAtMs).toBeGreaterThanOrEqual(done?.freeze.orderedAtMs ?? Number.POSITIVE_INFINITY);
});

test('I11: a recorder that asks again without obeying keeps no lease: it ends by itself', async () => {
  const short = fixture.open({ leaseMs: 400 });
  await short.freezes.grant('silent', { source: 'liar', agent: 'bot', applied: 0 });
  const { id } = await short.freezes.order('silent', order());
  await waitUntil(async () => {
    expect(await short.freezes.grant('silent', { source: 'liar', agent: 'bot', applied: 0 })).toMatchObject({ granted: false });
    return (await short.freezes.progress('silent', id))?.freeze.effectiveAtMs !== undefined;
  });
  const progress = await short.freezes.progress('silent', id);
  expect(progress?.waiting.count).toBe(0);
});

test('I11: a lease that is granted while a freeze is ordered either knows the freeze or delays it', async () => {
  const other = fixture.open();
  for (let round = 0; round < 30; round += 1) {
    const tenant = `race-${round}`;
    const source = 'racer';
    await ask(tenant, 'first', 0);
    const [lease, freeze] = await Promise.all([ask(tenant, source, 0), other.freezes.order(tenant, order())]);
    const progress = await other.freezes.progress(tenant, freeze.id);
    expect([lease.granted, progress?.waiting.shown.includes(source)]).toEqual([lease.granted, lease.granted]);
  }
});

test('a scope that is not of an agent waits for every recorder of the tenant; a tenant sees only its own freezes', async () => {
  const { freezes } = fixture.store;
  await ask('wide', 'a', 0, 'one');
  await ask('wide', 'b', 0, 'two');
  const { id } = await freezes.order('wide', order({ scope: 'tool', value: 'refund' }));
  expect(await freezes.progress('wide', id)).toMatchObject({ waiting: { count: 2 } });
  expect(await freezes.progress('narrow', id)).toBeUndefined();
  expect(await freezes.thaw('narrow', id, { by: 'x', reason: 'y' })).toBe('unknown');
  expect((await freezes.list('narrow', { limit: 10, inForce: false })).freezes).toEqual([]);
  expect((await ask('narrow', 'a', 0)).freezes).toEqual([]);
});

test('ordering twice is one freeze; a thawed or expired one is out of force and makes room for another', async () => {
  const { freezes } = fixture.store;
  const [first, second] = [await freezes.order('twice', order()), await freezes.order('twice', order({ reason: 'again' }))];
  expect(second).toEqual(first);
  expect(await freezes.thaw('twice', first.id, { by: 'me', reason: 'fixed' })).toMatchObject({ ended: { by: 'me', reason: 'fixed' } });
  expect(await freezes.thaw('twice', first.id, { by: 'me', reason: 'fixed' })).toBe('ended');
  expect((await ask('twice', 'a', 0)).freezes).toEqual([]);

  const expired = await freezes.order('twice', order({ expiresAtMs: Date.now() - 1 }));
  expect((await freezes.list('twice', { limit: 10, inForce: true })).freezes).toEqual([]);
  const next = await freezes.order('twice', order());
  expect(next.id).not.toBe(expired.id);
  const { freezes: all, next: cursor } = await freezes.list('twice', { limit: 2, inForce: false });
  expect(all.map(({ id }) => id)).toEqual([next.id, expired.id]);
  const rest = await freezes.list('twice', { limit: 2, inForce: false, cursor: cursor as string });
  expect(rest.freezes.map(({ id }) => id)).toEqual([first.id]);
});

test('I11: a database that was restored to an earlier state repeats no version', async () => {
  const { freezes } = fixture.store;
  const { id } = await freezes.order('restored', order());
  const { version } = await ask('restored', 'a', 0);
  await freezes.thaw('restored', id, { by: 'x', reason: 'y' });
  expect(version).toBeGreaterThan(Date.now() - 600_000);
});

test('I11: a freeze is effective from the last acknowledgement or end of a lease, however late somebody looks', async () => {
  const short = fixture.open({ leaseMs: 300 });
  const { pool } = fixture.store;
  const lease = async (tenant: string, source: string) =>
    (await pool.query('SELECT applied_at, ends_at FROM recant.lease WHERE tenant_id = $1 AND source = $2', [tenant, source])).rows[0];
  const effective = async (tenant: string, id: string) => (await fixture.store.freezes.progress(tenant, id))?.freeze.effectiveAtMs;

  for (const source of ['a', 'silent']) await short.freezes.grant('instant', { source, agent: 'bot', applied: 0 });
  const frozen = await short.freezes.order('instant', order());
  const { version } = await ask('instant', 'a', 0);
  await ask('instant', 'a', version);
  const ends = (await lease('instant', 'silent')).ends_at.getTime();
  await waitUntil(() => Date.now() > ends + 50);
  expect(await effective('instant', frozen.id)).toBe(Math.max(ends, frozen.orderedAtMs));

  await ask('acknowledged', 'a', 0);
  const answered = await fixture.store.freezes.order('acknowledged', order());
  const told = await ask('acknowledged', 'a', 0);
  await ask('acknowledged', 'a', told.version);
  const since = (await lease('acknowledged', 'a')).applied_at.getTime();
  await waitUntil(() => Date.now() > since + 5);
  // It renews its lease before somebody looks.
  await ask('acknowledged', 'a', told.version);
  expect(await effective('acknowledged', answered.id)).toBe(since);
  expect(await effective('acknowledged', answered.id)).toBe(since);
});

test('requests at once share statements, and each gets its own answer; of one source the one that obeys the least counts', async () => {
  const { freezes } = fixture.store;
  const { id } = await freezes.order('crowd', order({ value: 'agent-7' }));
  const all = (applied: number) =>
    Promise.all(Array.from({ length: 200 }, (_, n) => ask('crowd', `source-${n}`, applied, `agent-${n % 10}`)));
  const told = await all(0);
  expect(told.every(({ granted }) => !granted)).toBe(true);
  expect(told.map(({ freezes: rules }) => rules.length)).toEqual(Array.from({ length: 200 }, (_, n) => (n % 10 === 7 ? 1 : 0)));
  const version = told[0]?.version ?? 0;
  expect((await all(version)).every(({ granted, freezes: rules }, n) => granted && rules.length === (n % 10 === 7 ? 1 : 0))).toBe(true);
  expect((await freezes.progress('crowd', id))?.freeze.effectiveAtMs).toBeDefined();

  const next = await freezes.order('crowd', order({ value: 'agent-8' }));
  const { version: newest } = await ask('crowd', 'twice', 0, 'agent-8');
  const [low, high] = await Promise.all([newest, newest + 5].map((applied) => ask('crowd', 'twice', applied, 'agent-8')));
  expect([low?.granted, high?.granted]).toEqual([true, true]);
  const { rows } = await fixture.store.pool.query("SELECT applied FROM recant.lease WHERE tenant_id = 'crowd' AND source = 'twice'");
  expect(Number(rows[0].applied)).toBe(newest);
  await freezes.thaw('crowd', next.id, { by: 'x', reason: 'y' });
});

test('what a recorder has to obey can be learnt without a lease', async () => {
  const { freezes } = fixture.store;
  const { id } = await freezes.order('learner', order());
  const learnt = await freezes.learn('learner', { source: 'a', agent: 'bot', applied: 0 });
  expect(learnt).toMatchObject({ granted: false, freezes: [{ id }] });
  expect((await fixture.store.pool.query("SELECT FROM recant.lease WHERE tenant_id = 'learner'")).rowCount).toBe(0);
});
