import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  createEffectsDigest,
  DURATION_MS_MAX,
  type Effect,
  type EventOf,
  effectsDigest,
  eventId,
  formatSequence,
  type Outcome,
  type RecantEvent,
} from '@recant/events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAttemptFold, OPEN_MS_MAX } from '../src/index.ts';
import { type AttemptEntry, stateOf } from './state-of.ts';

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
const entriesOf = (events: readonly RecantEvent[]): AttemptEntry[] =>
  events.map((event, n) => ({ entry: { shard: 0, index: BigInt(n) }, receivedAtMs: TIME_MS, event }));
const attemptState = (events: readonly RecantEvent[], nowMs: number) => stateOf(entriesOf(events), nowMs);
const lists = [[effect(1), effect(2)], [effect(3)]];
const whole = [intended, chunk(0, lists[0] as Effect[]), chunk(1, lists[1] as Effect[]), settled(lists)];

describe('state of an attempt', () => {
  it('is a function of the set of its entries: any order, any repetition', () => {
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
          const picks = () => random.next().value as number;
          const entries = entriesOf(some.sort(() => (picks() % 3) - 1));
          const expected = stateOf(entries, nowMs);
          const shuffled = entries.flatMap((one) => (picks() % 2 ? [one, structuredClone(one)] : [one])).sort(() => (picks() % 3) - 1);
          expect(stateOf(shuffled, nowMs)).toEqual(expected);
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

  it('I14: is open for a day after its intent was recorded at most, whatever deadline and time its agent claims', () => {
    const year = { ...intended, data: { ...intended.data, deadlineMs: DURATION_MS_MAX } } as RecantEvent;
    const future = { ...intended, time: '9000-01-01T00:00:00.000Z' } as RecantEvent;
    for (const claimed of [year, future]) {
      expect(attemptState([claimed], TIME_MS + OPEN_MS_MAX - 1).status).toBe('open');
      expect(attemptState([claimed], TIME_MS + OPEN_MS_MAX).status).toBe('unknown');
    }
  });

  it('never changes by what comes later under a recorded id: L8', () => {
    const later = [
      settled(lists, 'failed'),
      settled([], 'denied', TIME_MS + 5),
      chunk(1, [effect(9)]),
      chunk(0, []),
      { ...intended, time: settled([]).time },
    ];
    const acknowledged = attemptState(whole, TIME_MS);
    expect(acknowledged).toMatchObject({ status: 'succeeded', complete: true });
    fc.assert(
      fc.property(fc.shuffledSubarray(later), (some) => {
        expect(attemptState([...whole, ...some], TIME_MS)).toEqual(acknowledged);
      }),
    );
  });

  it('is complete only with every chunk that the settlement counts, and the digest of all', () => {
    expect(attemptState(whole, TIME_MS).complete).toBe(true);
    for (let left = 1; left <= 2; left += 1) expect(attemptState(whole.toSpliced(left, 1), TIME_MS).complete).toBe(false);
    expect(attemptState([...whole.toSpliced(2, 1), chunk(1, [effect(9)])], TIME_MS).complete).toBe(false);
    expect(attemptState([intended, settled([])], TIME_MS).complete).toBe(true);
    expect(attemptState(whole.slice(0, 3), TIME_MS).complete).toBe(false);
  });

  it('stays complete whatever chunks an agent adds beyond those that it settled', () => {
    const added = [chunk(2, [effect(4)]), chunk(9, [effect(5)])];
    for (const entries of [
      [...whole, ...added],
      [...added, ...whole],
    ]) {
      const state = attemptState(entries, TIME_MS);
      expect(state).toMatchObject({ status: 'succeeded', complete: true });
    }
  });

  it('needs memory for the chunks of an attempt, not for its effects (L10, r7)', () => {
    const parts = { note: { before: null, after: 'v'.repeat(400) } };
    const listOf = (n: number) =>
      Array.from({ length: 100 }, (_, m) => ({ ...effect(n * 100 + m), resource: `filesystem://shop/${n}/${m}`, parts }));
    const fold = createAttemptFold();
    const digest = createEffectsDigest();
    const before = usedAfterCollection();
    const add = (event: RecantEvent, n: number) => fold.add({ entry: { shard: 0, index: BigInt(n) }, receivedAtMs: TIME_MS, event });
    add(intended, 0);
    for (let n = 0; n < 200; n += 1) {
      const effects = listOf(n);
      digest.add(effects);
      add(chunk(n, effects), n + 1);
    }
    // 20,000 effects have more than 10 MB.
    expect(usedAfterCollection() - before).toBeLessThan(1_000_000);
    const end = settled([]) as EventOf<'recant.attempt.settled.v1'>;
    add({ ...end, data: { ...end.data, chunks: 200, effects: 20_000, digest: digest.hex() } }, 201);
    expect(fold.state(TIME_MS)).toMatchObject({ status: 'succeeded', complete: true, effects: 20_000, discrepancies: { compared: true } });
  });

  it('says that it did not compare more than 10,000 effects', () => {
    const many = Array.from({ length: 10_001 }, (_, n) => effect(n));
    expect(attemptState([intended, chunk(0, many)], TIME_MS).discrepancies).toEqual({ compared: false, count: 0, shown: [] });
    expect(attemptState([intended, chunk(0, many.slice(1))], TIME_MS).discrepancies).toMatchObject({ compared: true, count: 10_000 });
  });
});

/** Bytes of the heap in use. */
function usedAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
