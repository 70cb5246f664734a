import { type AttemptRef, type Effect, type EventData, eventId, type RecantEvent } from '@recant/events';
import type { Credential } from '@recant/ledger';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { effect, type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

let fixture: Fixture;
let own: Credential;
const recant = (name: string) => Object.assign(new Lane(name, 'recant'), { source: `recant://recant/${name}` });
beforeAll(async () => {
  fixture = await openFixture();
  const rights = { tenant: 'acme', roles: ['rollback'], sourcePrefix: 'recant://recant', agents: ['recant'], resources: [] } as const;
  own = (await fixture.store.credentials.create(rights)).credential;
});
afterAll(async () => {
  await fixture.expectSound();
  await fixture[Symbol.asyncDispose]();
});

const append = (events: readonly RecantEvent[], credential: Credential = fixture.credential) =>
  fixture.store.appender.append(events.map((event) => submit(credential, event)));
async function alarmsOn(action: string): Promise<string[]> {
  await fixture.store.alarms.watchLogs(() => false, 1_000);
  const { alarms } = await fixture.store.alarms.list('acme', { limit: 500, open: true });
  return alarms.filter(({ subject }) => subject === action).map(({ code, detail }) => `${code}: ${detail}`);
}
/** Effects on different files, in events of 300. */
function chunksOf(count: number): Effect[][] {
  const all = Array.from({ length: count }, (_, n) => effect(`filesystem://shop/orders/${n}`, String(n + 1)));
  return Array.from({ length: Math.ceil(count / 300) }, (_, n) => all.slice(n * 300, n * 300 + 300));
}
function changes(lane: Lane, count: number): { action: string; events: RecantEvent[] } {
  const action = lane.action();
  const chunks = chunksOf(count);
  const effects = chunks.map((some, n) => lane.effects(action, some, n));
  return { action, events: [lane.intended(action), ...effects, lane.settled(action, chunks)] };
}
/** An attempt without settlement, and the settlement that comes later. */
async function open(lane: Lane, outcome = 'succeeded'): Promise<{ ref: AttemptRef; settle: () => Promise<unknown> }> {
  const action = lane.action();
  await append([lane.intended(action)]);
  return { ref: { source: lane.source, action, attempt: 1 }, settle: () => append([lane.settled(action, [], outcome)]) };
}
function observed(drain: Lane, { source, action, attempt }: AttemptRef): RecantEvent {
  const at = new Date(NOW_MS).toISOString();
  const place = { action, attempt, system: 'shop', transaction: '1/9', login: 'pricing_bot', from: at, to: at, chunk: 0, chunks: 1 };
  const data: EventData['recant.attempt.observed.v1'] = {
    ...place,
    of: source,
    agent: 'agent-1',
    effects: [effect('postgres://shop/public.orders/1')],
  };
  return drain.event({ id: eventId.observed(data), type: 'recant.attempt.observed.v1', data });
}

test('one action over the limit of rows is one alarm, whatever the number of events and looks; one at the limit is none', async () => {
  const lane = new Lane('large');
  const [large, small] = [changes(lane, 1_001), changes(lane, 1_000)];
  await append(large.events.slice(0, 3));
  expect(await alarmsOn(large.action)).toEqual([]);
  await append([...large.events.slice(3), ...small.events]);
  const expected = ['large_action: agent-1, tool reprice: one action changed more than 1000 rows or files.'];
  expect(await alarmsOn(large.action)).toEqual(expected);
  expect(await alarmsOn(large.action)).toEqual(expected);
  expect(await alarmsOn(small.action)).toEqual([]);
});

test('a run of Recant that changes many rows is no alarm', async () => {
  const { action, events } = changes(recant('runs'), 1_500);
  await append(events, own);
  expect(await alarmsOn(action)).toEqual([]);
});

test('an outcome that is reported after a run began to undo the attempt is an alarm; one reported before is none', async () => {
  const [late, early] = [await open(new Lane('late')), await open(new Lane('early'))];
  await early.settle();
  const run = recant('undoing');
  const inverses = [late, early].map(({ ref }) => run.intended(run.action(), { tool: 'undo', inverts: { ...ref, run: 'run-1', step: 1 } }));
  await append(inverses, own);
  expect(await alarmsOn(late.ref.action)).toEqual([]);
  fixture.setNow(NOW_MS + 1_000);
  await late.settle();
  expect(await alarmsOn(late.ref.action)).toEqual([
    'settled_late: agent-1, tool reprice: reported succeeded after run run-1 had begun to undo the attempt.',
  ]);
  expect(await alarmsOn(early.ref.action)).toEqual([]);
  fixture.setNow(NOW_MS);
});

test('a report that contradicts what a person found out is an alarm; one that agrees is none', async () => {
  const ruling = { outcome: 'succeeded', reason: 'charge ch_1', by: 'person:ada', atMs: NOW_MS } as const;
  const same = await open(new Lane('same'));
  const failing = await open(new Lane('failing'), 'failed');
  for (const { ref } of [same, failing]) await fixture.store.rulings.put('acme', ref, ruling);
  expect([...(await alarmsOn(same.ref.action)), ...(await alarmsOn(failing.ref.action))]).toEqual([]);
  await same.settle();
  expect(await alarmsOn(same.ref.action)).toEqual([]);
  await failing.settle();
  expect(await alarmsOn(failing.ref.action)).toEqual([
    'report_contradicted: agent-1, tool reprice: reported failed, and a person had found out that it succeeded.',
  ]);
});

test.each(['before', 'after'])('a denied call whose target recorded changes is an alarm, if the report comes %s them', async (order) => {
  const denied = await open(new Lane(`denied-${order}`), 'denied');
  const drain = recant(`drain/${order}`);
  const steps = [denied.settle, () => append([observed(drain, denied.ref)], own)];
  for (const step of order === 'before' ? steps : steps.toReversed()) {
    await step();
    await fixture.store.alarms.watchLogs(() => false, 1_000);
  }
  expect(await alarmsOn(denied.ref.action)).toEqual([
    'report_contradicted: agent-1, tool reprice: reported denied, and its target recorded changes.',
  ]);
});

test('what happened once ends as an alarm after a day', async () => {
  const { action, events } = changes(new Lane('ending'), 1_200);
  await append(events);
  expect(await alarmsOn(action)).toHaveLength(1);
  fixture.setNow(NOW_MS + 86_400_001);
  await fixture.store.alarms.expire();
  expect(await alarmsOn(action)).toEqual([]);
  fixture.setNow(NOW_MS);
});
