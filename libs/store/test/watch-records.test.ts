import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fixture, NOW_MS, openFixture } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const order = (value: string, over = {}) => ({ scope: 'agent' as const, value, reason: 'wrong prices', by: 'person:ada', ...over });
const openOf = async (tenant: string) =>
  (await fixture.store.alarms.list(tenant, { limit: 100, open: true })).alarms.map(({ code, subject, detail }) => [code, subject, detail]);

test('a freeze is an alarm of its tenant from its order to its end, whichever process looks', async () => {
  const { freezes, alarms } = fixture.store;
  const freeze = await freezes.order('acme', order('pricing-bot'));
  await freezes.order('other', { ...order(''), scope: 'tenant' });
  const processes = [fixture.store, fixture.open(), fixture.open()];
  await Promise.all(processes.map((store) => store.alarms.watchRecords()));
  await alarms.watchRecords();
  const at = new Date(freeze.orderedAtMs).toISOString();
  expect(await openOf('acme')).toEqual([['frozen', 'agent pricing-bot', `Frozen by person:ada at ${at}: wrong prices`]]);
  expect(await openOf('other')).toMatchObject([['frozen', 'tenant', expect.any(String)]]);
  await freezes.thaw('acme', freeze.id, { by: 'person:ada', reason: 'corrected' });
  await alarms.watchRecords();
  expect(await openOf('acme')).toEqual([]);
  expect(await openOf('other')).toHaveLength(1);
});

test('a freeze that expired is no alarm any more, and one that was ordered again is another', async () => {
  const { freezes, alarms } = fixture.store;
  const { id } = await freezes.order('again', order('bot', { expiresAtMs: Date.now() + 3_600_000 }));
  await alarms.watchRecords();
  expect(await openOf('again')).toMatchObject([['frozen', 'agent bot', expect.stringMatching(/ until \d{4}-.*Z: wrong prices$/)]]);
  await freezes.thaw('again', id, { by: 'person:ada', reason: 'x' });
  await alarms.watchRecords();
  // Past already: as one that has expired since the last look.
  await freezes.order('again', order('bot', { expiresAtMs: Date.now() - 1_000 }));
  await alarms.watchRecords();
  expect(await openOf('again')).toEqual([]);
  await freezes.order('again', order('bot'));
  fixture.setNow(NOW_MS + 1_000);
  await alarms.watchRecords();
  expect((await alarms.list('again', { limit: 10 })).alarms.map(({ endedAtMs }) => endedAtMs !== undefined)).toEqual([false, true]);
  fixture.setNow(NOW_MS);
});
