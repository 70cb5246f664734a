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
  await ask('silent', 'liar', 0);
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
