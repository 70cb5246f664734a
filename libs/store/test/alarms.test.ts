import { afterAll, beforeAll, expect, test } from 'vitest';
import { pruneAlarms } from '../src/alarms/prune.ts';
import { type Fixture, NOW_MS, openFixture } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const condition = (subject: string, detail = 'a detail') => ({ code: 'source_gap', subject, detail, action: 'do something' });
const openOf = async (tenant: string) => (await fixture.store.alarms.list(tenant, { limit: 100, open: true })).alarms;

test('a condition reported by many processes at once is one alarm, from its first report to its end', async () => {
  const { store } = fixture;
  const processes = [store, fixture.open(), fixture.open()];
  await Promise.all(
    processes.flatMap(({ alarms }) => Array.from({ length: 10 }, () => alarms.raise('once', [condition('s'), condition('s')]))),
  );
  fixture.setNow(NOW_MS + 5_000);
  await store.alarms.raise('once', [condition('s')]);
  expect(await openOf('once')).toMatchObject([{ subject: 's', startedAtMs: NOW_MS, detail: 'a detail', action: 'do something' }]);
  await Promise.all(processes.map(({ alarms }) => alarms.clear('once', 'source_gap', ['s', 'unknown'])));
  expect(await openOf('once')).toEqual([]);
  fixture.setNow(NOW_MS + 9_000);
  await store.alarms.raise('once', [condition('s')]);
  const all = (await store.alarms.list('once', { limit: 10 })).alarms;
  expect(all.map(({ startedAtMs, endedAtMs }) => [startedAtMs - NOW_MS, endedAtMs && endedAtMs - NOW_MS])).toEqual([
    [9_000, undefined],
    [0, 5_000],
  ]);
  fixture.setNow(NOW_MS);
});

test('an alarm whose reporter stopped ends by itself; a confirmed one stays', async () => {
  const { alarms } = fixture.store;
  await alarms.raise('hold', [condition('stopped'), condition('confirmed')], 60_000);
  await alarms.raise('hold', [condition('lasting')]);
  fixture.setNow(NOW_MS + 40_000);
  await alarms.raise('hold', [condition('confirmed')], 60_000);
  fixture.setNow(NOW_MS + 80_000);
  await alarms.expire();
  expect((await openOf('hold')).map(({ subject }) => subject).sort()).toEqual(['confirmed', 'lasting']);
  const ended = (await alarms.list('hold', { limit: 10 })).alarms.find(({ subject }) => subject === 'stopped');
  expect(ended?.endedAtMs).toBe(NOW_MS + 60_000);
  fixture.setNow(NOW_MS);
});

test('an acknowledgement lasts as long as the text of the condition', async () => {
  const { alarms } = fixture.store;
  await alarms.raise('ack', [condition('s', '1 missing')]);
  const before = (await alarms.countOpen()).get('source_gap') ?? 0;
  const id = (await openOf('ack'))[0]?.id as string;
  expect(await alarms.acknowledge('other', id, 'person:eve')).toBe('unknown');
  expect(await alarms.acknowledge('ack', id, 'person:ada')).toMatchObject({ acknowledged: { by: 'person:ada', atMs: NOW_MS } });
  await alarms.raise('ack', [condition('s', '1 missing')]);
  expect((await openOf('ack'))[0]?.acknowledged?.by).toBe('person:ada');
  expect((await alarms.countOpen()).get('source_gap') ?? 0).toBe(before - 1);
  await alarms.raise('ack', [condition('s', '2 missing')]);
  expect((await openOf('ack'))[0]?.acknowledged).toBeUndefined();
  await alarms.clear('ack', 'source_gap', ['s']);
  expect(await alarms.acknowledge('ack', id, 'person:ada')).toBe('ended');
});

test('I10: alarms of one tenant are listed to no other, page by page', async () => {
  const { alarms } = fixture.store;
  await alarms.raise(
    'mine',
    Array.from({ length: 7 }, (_, n) => condition(`s${n}`)),
  );
  await alarms.raise('theirs', [condition('t')]);
  const seen: string[] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const page = await alarms.list('mine', { limit: 3, ...(cursor === undefined ? {} : { cursor }) });
    seen.push(...page.alarms.map(({ subject }) => subject));
    cursor = page.next;
  }
  expect(seen.sort()).toEqual(['s0', 's1', 's2', 's3', 's4', 's5', 's6']);
  await expect(alarms.list('mine', { limit: 3, cursor: "1.x' OR true" })).rejects.toMatchObject({ code: 'cursor_invalid' });
});

test('any text is accepted, cut to its limit: an alarm is never lost because of what it is about', async () => {
  const { alarms } = fixture.store;
  const hostile = `\0\ud800${'é'.repeat(10_000)}`;
  await alarms.raise('text', [{ code: 'dead_letters', subject: hostile, detail: hostile, action: hostile }]);
  const [found] = await openOf('text');
  expect(Buffer.byteLength(found?.subject ?? '')).toBeLessThanOrEqual(1_024);
  await alarms.clear('text', 'dead_letters', [hostile]);
  expect(await openOf('text')).toEqual([]);
});

test('an ended alarm is never changed', async () => {
  const { alarms, pool } = fixture.store;
  await alarms.raise('past', [condition('s')]);
  await alarms.clear('past', 'source_gap', ['s']);
  await expect(pool.query(`UPDATE recant.alarm SET ended_at = NULL WHERE tenant_id = 'past'`)).rejects.toMatchObject({ code: '42501' });
});

test('alarms that ended 90 days ago, and all but the latest of a tenant, are deleted; an open one never is, by any role', async () => {
  const { store } = fixture;
  const { alarms } = store;
  const day = 86_400_000;
  await alarms.raise('prune', [condition('old'), condition('open')]);
  await alarms.clear('prune', 'source_gap', ['old']);
  fixture.setNow(NOW_MS + day);
  for (const subject of ['a', 'b', 'c']) {
    fixture.setNow(NOW_MS + day + subject.charCodeAt(0));
    await alarms.raise('prune', [condition(subject)]);
    await alarms.clear('prune', 'source_gap', [subject]);
  }
  const subjects = async () => (await alarms.list('prune', { limit: 100 })).alarms.map(({ subject }) => subject).sort();
  await alarms.prune();
  expect(await subjects()).toEqual(['a', 'b', 'c', 'old', 'open']);
  fixture.setNow(NOW_MS + 90 * day + 1);
  await alarms.prune();
  expect(await subjects()).toEqual(['a', 'b', 'c', 'open']);
  await pruneAlarms(store.pool, NOW_MS, 2);
  expect(await subjects()).toEqual(['b', 'c', 'open']);
  await expect(store.pool.query("DELETE FROM recant.alarm WHERE tenant_id = 'prune'")).rejects.toMatchObject({ code: '42501' });
  expect(await subjects()).toEqual(['b', 'c', 'open']);
  fixture.setNow(NOW_MS);
});
