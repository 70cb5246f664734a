import { type Effect, effectsDigest, eventId, formatSequence, OWN_AGENT, type RecantEvent } from '@recant/events';
import { expect, test } from 'vitest';
import { project } from '../src/index.ts';
import { stateOf } from './state-of.ts';

const ACTION = '01a207d8-e8e0-730e-a860-0472bd8ecb2d';
const AGENT = 'recant://acme/1';
const TIME = '2026-11-01T12:00:00.000Z';
const row = (id: number, ordinal = String(id), after = 'v1.b'): Effect => ({
  resource: `postgres://shop/public.orders/${id}`,
  operation: 'update',
  ordinal,
  parts: { price: { before: 'v1.a', after } },
});
const file: Effect = { ...row(1), resource: 'filesystem://docs/a', ordinal: '1' };

function event(part: Pick<RecantEvent, 'id' | 'type' | 'data'>, agent = 'agent-1'): RecantEvent {
  return { specversion: '1.0', source: AGENT, agent, time: TIME, sequence: formatSequence(1), ...part } as RecantEvent;
}
const effects = (some: readonly Effect[], agent?: string) =>
  event(
    {
      id: eventId.effects(ACTION, 1, 0),
      type: 'recant.attempt.effects.v1',
      data: { action: ACTION, attempt: 1, chunk: 0, effects: some },
    } as never,
    agent,
  );
function observed(some: readonly Effect[]): RecantEvent {
  const data = {
    ...{ action: ACTION, attempt: 1, of: AGENT, system: 'shop', transaction: '1/7', login: 'bot', agent: 'agent-1', from: TIME, to: TIME },
    ...{ chunk: 0, chunks: 1, effects: some },
  };
  return event({ id: eventId.observed(data), type: 'recant.attempt.observed.v1', data } as never, OWN_AGENT);
}
function settled(some: readonly Effect[], outcome = 'succeeded'): RecantEvent {
  const lists = some.length === 0 ? [] : [some];
  const counted = { chunks: lists.length, effects: some.length, digest: effectsDigest(lists) };
  const data = { action: ACTION, attempt: 1, outcome, durationMs: 1, ...counted };
  return event({ id: eventId.settled(ACTION, 1), type: 'recant.attempt.settled.v1', data } as never);
}

const attemptState = (events: readonly RecantEvent[], nowMs: number) =>
  stateOf(
    events.map((event, n) => ({ entry: { shard: 0, index: BigInt(n) }, receivedAtMs: 0, event })),
    nowMs,
  );

const kindsOf = (events: readonly RecantEvent[]) => {
  const { count, shown } = attemptState(events, Date.parse(TIME)).discrepancies;
  expect(count).toBe(shown.length);
  return shown.map(({ kind, resource, ordinal }) => [kind, resource.slice(-1), ordinal]);
};

test('I14: what an agent reports about a captured system is projected onto no resource; its files, and Recant’s own inverses, are', () => {
  const resources = (one: RecantEvent) => project(one).effects.map(({ resource }) => resource);
  expect(resources(effects([row(1), file]))).toEqual([file.resource]);
  expect(resources(effects([row(1), file], OWN_AGENT))).toEqual([row(1).resource, file.resource]);
  expect(resources(observed([row(1)]))).toEqual([row(1).resource]);
});

test('I14: withheld, invented and misordered reports are discrepancies, in any order of the events', () => {
  const target = observed([row(1), row(2)]);
  for (const order of [<T>(all: T[]) => all, <T>(all: T[]) => all.toReversed()]) {
    const kinds = (...events: RecantEvent[]) => kindsOf(order(events));
    expect(kinds(target, settled([]))).toEqual([]);
    expect(kinds(target, effects([row(1), row(2)]))).toEqual([]);
    expect(kinds(target, effects([row(1)]))).toEqual([['withheld', '2', '2']]);
    expect(kinds(target, effects([row(1), row(2), row(3)]))).toEqual([['invented', '3', '3']]);
    expect(kinds(target, effects([row(1, '9'), row(2)]))).toEqual([['misordered', '1', '9']]);
    expect(kinds(target, effects([row(1, '1', 'v1.other'), row(2)]))).toEqual([['invented', '1', '1']]);
    expect(kinds(effects([row(7)]))).toEqual([['invented', '7', '7']]);
    expect(kinds(target, settled([], 'denied')).map(([kind]) => kind)).toEqual(['withheld', 'withheld']);
    expect(kinds(target, effects([file]), settled([file]))).toEqual([]);
    expect(kinds(effects([row(1)], OWN_AGENT))).toEqual([]);
  }
});

test('only the first discrepancies are listed, all are counted', () => {
  const invented = Array.from({ length: 250 }, (_, n) => row(n + 1));
  expect(attemptState([effects(invented)], 0).discrepancies).toMatchObject({ count: 250, shown: { length: 20 } });
});
