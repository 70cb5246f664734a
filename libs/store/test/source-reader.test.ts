import { eventId, type RecantEvent } from '@recant/events';
import type { SourceQuestion } from '@recant/planner';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fixture, Lane, NOW_MS, openFixture, submit } from './fixture.ts';

const LEASE_MS = 30_000;
let fixture: Fixture;
let nowMs = NOW_MS;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(async () => {
  await fixture.expectSound();
  await fixture[Symbol.asyncDispose]();
});

const pass = (ms: number): void => {
  nowMs += ms;
  fixture.setNow(nowMs);
};
const append = (...events: readonly RecantEvent[]) =>
  fixture.store.appender.append(events.map((event) => submit(fixture.credential, event)));
const watch = () => fixture.store.alarms.watchLogs(() => false);
const opened = (lane: Lane): RecantEvent =>
  lane.event({ id: eventId.opened(), type: 'recant.source.opened.v1', data: { sdk: 'test', leaseMs: LEASE_MS } });
const closed = (lane: Lane): RecantEvent => lane.event({ id: eventId.closed(), type: 'recant.source.closed.v1', data: { reason: 'done' } });
const vectorNow = () => fixture.store.ledgerReader.vector('acme');
async function incomplete(question: Partial<SourceQuestion>, at?: Awaited<ReturnType<typeof vectorNow>>) {
  const asked = { agents: [], sources: [], actions: [], ...question };
  return fixture.store.sourceReader.incomplete('acme', asked, at ?? (await vectorNow()));
}

test('I2: holes below the vector are found with the times around them, whether the alarm watch has read them or not, and even if it knows that they are filled', async () => {
  const lane = new Lane('holes', 'agent-holes');
  const events = [opened(lane), ...Array.from({ length: 8 }, () => lane.intended(lane.action()))];
  const pick = (...numbers: readonly number[]) => append(...numbers.map((n) => events[n - 1] as RecantEvent));
  const first = nowMs;
  await pick(1, 2);
  pass(1_000);
  await pick(5, 8);
  const hole = { source: lane.source, agent: lane.agent, holesMore: 0, withoutIntent: [] };
  const holes = [
    { first: 6, last: 7, beforeMs: nowMs, afterMs: nowMs },
    { first: 3, last: 4, beforeMs: first, afterMs: nowMs },
  ];
  expect(await incomplete({ agents: ['agent-holes'] })).toEqual([{ ...hole, holes }]);
  expect(await incomplete({ sources: [lane.source] })).toEqual([{ ...hole, holes }]);
  expect(await incomplete({ agents: undefined })).toEqual([{ ...hole, holes }]);
  expect(await incomplete({ agents: ['agent-other'] })).toEqual([]);
  await watch();
  expect(await incomplete({ agents: ['agent-holes'] })).toEqual([{ ...hole, holes }]);
  const before = await vectorNow();
  await pick(3, 4, 6, 7);
  expect(await incomplete({ agents: ['agent-holes'] })).toEqual([]);
  expect(await incomplete({ agents: ['agent-holes'] }, before)).toEqual([{ ...hole, holes }]);
  await watch();
  expect(await incomplete({ agents: ['agent-holes'] })).toEqual([]);
  expect(await incomplete({ agents: ['agent-holes'] }, before)).toEqual([{ ...hole, holes }]);
  await pick(9);
  expect(await incomplete({ agents: ['agent-holes'] })).toEqual([]);
});

test('attempts with a settlement but no intent are found by their source and by their action', async () => {
  const lane = new Lane('orphans', 'agent-orphans');
  const [lost, kept] = [lane.action(), lane.action()];
  lane.intended(lost);
  await append(lane.settled(lost, []), lane.intended(kept), lane.settled(kept, []));
  const record = { source: lane.source, withoutIntent: [{ action: lost, attempt: 1, receivedAtMs: nowMs }] };
  expect(await incomplete({ agents: ['agent-orphans'] })).toMatchObject([{ ...record, holes: [{ first: 1, last: 1, afterMs: nowMs }] }]);
  expect(await incomplete({ actions: [lost, 'no uuid'] })).toMatchObject([record]);
  expect(await incomplete({ actions: [kept] })).toMatchObject([record]);
});

test('a source that is silent past its lease is lost, unless it closed or its process started again', async () => {
  const silent = new Lane('silent', 'agent-lost');
  const done = new Lane('done', 'agent-lost');
  const first = new Lane('host/01919e5c-8f6a-7000-8000-000000000001', 'agent-lost');
  await append(opened(silent), opened(done), closed(done), opened(first));
  const since = nowMs;
  pass(LEASE_MS + 1);
  const lost = { receivedAtMs: since, leaseMs: LEASE_MS };
  const sources = async () => (await incomplete({ agents: ['agent-lost'] })).map(({ source, lost: own }) => [source, own]).sort();
  expect(await sources()).toEqual([
    [first.source, lost],
    [silent.source, lost],
  ]);
  await watch();
  expect(await sources()).toHaveLength(2);
  await append(opened(new Lane('host/01919e5c-8f6a-7000-8000-000000000002', 'agent-lost')));
  expect(await sources()).toEqual([[silent.source, lost]]);
  await append(silent.intended(silent.action()));
  expect(await sources()).toEqual([]);
});
