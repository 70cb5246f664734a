import { type AttemptObserved, effectsDigest, eventId, formatSequence, type RecantEvent } from '@recant/events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AttemptEntry, stateOf } from './state-of.ts';

const ACTION = '01a207d8-e8e0-730e-a860-0472bd8ecb2d';
const AGENT = 'recant://acme/1';
const NOW_MS = Date.parse('2026-11-01T12:00:00.000Z');
const time = new Date(NOW_MS).toISOString();

function event(source: string, n: number, part: Pick<RecantEvent, 'id' | 'type' | 'data'>): RecantEvent {
  return { specversion: '1.0', source, agent: 'agent-1', time, sequence: formatSequence(n), ...part } as RecantEvent;
}
function observed(over: Partial<AttemptObserved> = {}, source = 'recant://recant/drain/shop'): RecantEvent {
  const data: AttemptObserved = {
    ...{ action: ACTION, attempt: 1, of: AGENT, system: 'shop', transaction: '1/7', login: 'bot', agent: 'agent-1', from: time, to: time },
    ...{ chunk: 0, chunks: 1, effects: [], ...over },
  };
  return event(source, 1, { id: eventId.observed(data), type: 'recant.attempt.observed.v1', data });
}
const intended = event(AGENT, 1, {
  id: eventId.intended(ACTION, 1),
  type: 'recant.attempt.intended.v1',
  data: {
    ...{ action: ACTION, attempt: 1, tool: 'reprice', arguments: { inline: {} }, resources: [] },
    ...{ reversibility: 'reversible', deadlineMs: 1_000, context: {} },
  },
});
const settled = event(AGENT, 2, {
  id: eventId.settled(ACTION, 1),
  type: 'recant.attempt.settled.v1',
  data: { action: ACTION, attempt: 1, outcome: 'succeeded', chunks: 0, effects: 0, digest: effectsDigest([]), durationMs: 1 },
});

describe('observed events of an attempt', () => {
  const entriesOf = (events: readonly RecantEvent[]): AttemptEntry[] =>
    events.map((event, n) => ({ entry: { shard: 0, index: BigInt(n) }, receivedAtMs: NOW_MS, event }));
  const attemptState = (events: readonly RecantEvent[], nowMs: number) => stateOf(entriesOf(events), nowMs);

  test('fold commutatively: any order, any repetition, any source', () => {
    const pool = [
      ...[intended, settled, observed(), observed({}, 'recant://recant/drain/other'), observed({ login: 'alice' })],
      ...[
        observed({ transaction: '1/8', chunks: 2 }),
        observed({ transaction: '1/8', chunk: 1, chunks: 2 }),
        observed({ system: 'crm', chunks: 3 }),
      ],
    ];
    fc.assert(
      fc.property(fc.subarray(pool), fc.integer({ min: 0, max: 2_000 }), fc.infiniteStream(fc.nat()), (some, lateMs, random) => {
        const pick = (): number => random.next().value as number;
        const entries = entriesOf(some.sort(() => (pick() % 3) - 1));
        const shuffled = entries.flatMap((one) => (pick() % 2 ? [one, structuredClone(one)] : [one])).sort(() => (pick() % 3) - 1);
        expect(stateOf(shuffled, NOW_MS + lateMs)).toEqual(stateOf(entries, NOW_MS + lateMs));
      }),
    );
  });

  test('are complete only with every chunk of every transaction, each with one content', () => {
    const isComplete = (...events: RecantEvent[]) => attemptState([intended, settled, ...events], NOW_MS).complete;
    const [first, second] = [observed({ chunks: 2 }), observed({ chunk: 1, chunks: 2 })];
    expect(isComplete(first, second)).toBe(true);
    expect(isComplete(first, second, observed({ chunks: 2 }, 'recant://recant/drain/other'))).toBe(true);
    for (const events of [
      [first],
      [second],
      [first, second, observed({ chunks: 2, login: 'alice' }, 'recant://recant/drain/other')],
      [first, observed({ chunk: 1, chunks: 3 })],
    ])
      expect(isComplete(...events)).toBe(false);
    expect(isComplete(first, second, observed({ transaction: '1/8', chunk: 1, chunks: 2 }))).toBe(false);
  });

  test('settle an attempt by login, and stand for the effects of an attempt that never ended', () => {
    const state = (events: RecantEvent[], lateMs = 0) => {
      const { status, complete } = attemptState(events, NOW_MS + lateMs);
      return [status, complete];
    };
    const { of: _, ...login } = observed().data as AttemptObserved;
    const byLogin = { ...observed(), data: login } as RecantEvent;
    expect(state([byLogin])).toEqual(['succeeded', true]);
    expect(state([intended, observed()])).toEqual(['open', false]);
    expect(state([intended, observed()], 1_000)).toEqual(['unknown', true]);
    expect(state([intended], 1_000)).toEqual(['unknown', false]);
    expect(state([intended, observed({ chunks: 2 })], 1_000)).toEqual(['unknown', false]);
  });
});
