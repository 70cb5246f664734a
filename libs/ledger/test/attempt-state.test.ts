import { type Effect, effectsDigest, eventId, formatSequence, type Outcome, type RecantEvent } from '@recant/events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptState } from '../src/index.ts';

const ACTION = '01a207d8-e8e0-730e-a860-0472bd8ecb2d';
const TIME_MS = Date.parse('2026-11-01T12:00:00.000Z');
const base = (n: number) => ({
  specversion: '1.0' as const,
  source: 'recant://acme/1',
  agent: 'agent-1',
  time: new Date(TIME_MS).toISOString(),
  sequence: formatSequence(n),
});
const intended: RecantEvent = {
  ...base(1),
  id: eventId.intended(ACTION, 1),
  type: 'recant.attempt.intended.v1',
  data: {
    action: ACTION,
    attempt: 1,
    tool: 'reprice',
    arguments: { inline: {} },
    resources: [],
    reversibility: 'reversible',
    deadlineMs: 1_000,
    context: {},
  },
};
const effect = (n: number): Effect => ({
  resource: `postgres://shop/public.orders/${n}`,
  operation: 'update',
  ordinal: String(n),
  parts: { price: { before: null, after: null } },
});
const chunk = (n: number, effects: readonly Effect[]): RecantEvent => ({
  ...base(2 + n),
  id: eventId.effects(ACTION, 1, n),
  type: 'recant.attempt.effects.v1',
  data: { action: ACTION, attempt: 1, chunk: n, effects },
});
const settled = (chunks: readonly (readonly Effect[])[], outcome: Outcome = 'succeeded', time = TIME_MS): RecantEvent => ({
  ...base(9),
  time: new Date(time).toISOString(),
  id: eventId.settled(ACTION, 1),
  type: 'recant.attempt.settled.v1',
  data: {
    action: ACTION,
    attempt: 1,
    outcome,
    chunks: chunks.length,
    effects: chunks.flat().length,
    digest: effectsDigest(chunks),
    durationMs: 1,
  },
});
const lists = [[effect(1), effect(2)], [effect(3)]];
const whole = [intended, chunk(0, lists[0] as Effect[]), chunk(1, lists[1] as Effect[]), settled(lists)];

describe('state of an attempt', () => {
  it('is a function of the set of its events: any order, any repetition', () => {
    const pool = [
      ...whole,
      settled(lists, 'failed'),
      settled(lists, 'succeeded', TIME_MS + 5),
      chunk(1, [effect(9)]),
      chunk(2, [effect(4)]),
    ];
    fc.assert(
      fc.property(
        fc.subarray(pool),
        fc.integer({ min: TIME_MS, max: TIME_MS + 2_000 }),
        fc.infiniteStream(fc.nat()),
        (some, nowMs, random) => {
          const expected = attemptState(some, nowMs);
          const picks = () => random.next().value as number;
          const shuffled = some.flatMap((event) => (picks() % 2 ? [event, structuredClone(event)] : [event])).sort(() => (picks() % 3) - 1);
          expect(attemptState(shuffled, nowMs)).toEqual(expected);
        },
      ),
    );
  });

  it('is open until its deadline, unknown from it on, and never unknown once settled', () => {
    expect(attemptState([intended], TIME_MS + 999).status).toBe('open');
    expect(attemptState([intended], TIME_MS + 1_000).status).toBe('unknown');
    expect(attemptState(whole, TIME_MS + 1_000_000).status).toBe('succeeded');
    expect(attemptState([], TIME_MS).status).toBe('unknown');
  });

  it('is contested by two different ends, not by a repeated one', () => {
    expect(attemptState([...whole, settled(lists, 'failed')], TIME_MS)).toMatchObject({ status: 'contested', complete: false });
    expect(attemptState([...whole, settled(lists, 'succeeded', TIME_MS + 5)], TIME_MS)).toMatchObject({
      status: 'succeeded',
      complete: true,
    });
  });

  it('is complete only with every chunk that the settlement counts, and the digest of all', () => {
    expect(attemptState(whole, TIME_MS).complete).toBe(true);
    for (let left = 1; left <= 2; left += 1) expect(attemptState(whole.toSpliced(left, 1), TIME_MS).complete).toBe(false);
    expect(attemptState([...whole, chunk(2, [effect(4)])], TIME_MS).complete).toBe(false);
    expect(attemptState([...whole.toSpliced(2, 1), chunk(1, [effect(9)])], TIME_MS).complete).toBe(false);
    expect(attemptState([...whole, chunk(1, [effect(9)])], TIME_MS).complete).toBe(false);
    expect(attemptState([intended, settled([])], TIME_MS).complete).toBe(true);
    expect(attemptState(whole.slice(0, 3), TIME_MS).complete).toBe(false);
  });
});
