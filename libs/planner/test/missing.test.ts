import { expect, test } from 'vitest';
import {
  accept,
  type Missing,
  missingOfHeld,
  missingOfSources,
  missingOfSystem,
  missingOfTopic,
  missingOfTransaction,
  openAttempts,
  type Selection,
  type SourceRecord,
  withoutAccepted,
} from '../src/index.ts';
import { plan } from './whole-plan.ts';
import { attemptOf, SYSTEMS } from './world.ts';

const HOUR = 3_600_000;
const record = (over: Partial<SourceRecord>): SourceRecord => ({
  source: 'recant://a/1',
  agent: 'a',
  holes: [],
  holesMore: 0,
  withoutIntent: [],
  ...over,
});
const found = (records: readonly SourceRecord[], selection: Selection = { agents: ['a'] }) =>
  missingOfSources(records, selection).map(({ kind, detail }) => `${kind}: ${detail}`);

test('a hole concerns a window if its events were sent in it, by what the ledger received before and after', () => {
  const holes = [
    { first: 9, last: 9, beforeMs: 5 * HOUR, afterMs: 6 * HOUR },
    { first: 2, last: 4, beforeMs: HOUR, afterMs: 2 * HOUR },
  ];
  const both = ['hole: 4 events of agent a not recorded: number 2–4, 9.'];
  expect(found([record({ holes })])).toEqual(both);
  expect(found([record({ holes })], { fromMs: 3 * HOUR, toMs: 8 * HOUR })).toEqual(['hole: 1 event of agent a not recorded: number 9.']);
  expect(found([record({ holes })], { fromMs: 2 * HOUR, toMs: 5 * HOUR })).toEqual(['hole: 3 events of agent a not recorded: number 2–4.']);
  expect(found([record({ holes })], { fromMs: 7 * HOUR })).toEqual([]);
  expect(found([record({ holes })], { toMs: HOUR })).toEqual([]);
  // The producer's clock is no evidence of when it sent what is missing.
  expect(found([record({ holes })], { fromMs: 7 * HOUR, clock: 'claimed' })).toEqual(both);
  expect(found([record({ holes: [{ first: 1, last: 1, afterMs: HOUR }] })], { toMs: 1 })).toHaveLength(1);
  expect(found([record({ holesMore: 7 })], { fromMs: 7 * HOUR })).toEqual([
    'hole: More than 0 events of agent a not recorded: number 7 more ranges.',
  ]);
});

test('attempts without an intent, and sources whose process stopped sending in or before the window, are named', () => {
  const withoutIntent = [{ action: 'x', attempt: 1, receivedAtMs: HOUR }];
  expect(found([record({ withoutIntent })])).toHaveLength(1);
  expect(found([record({ withoutIntent })], { fromMs: 2 * HOUR })).toEqual([]);
  expect(found([record({ withoutIntent })], { actions: ['y'] })).toEqual([]);
  expect(found([record({ withoutIntent })], { actions: ['x'] })).toHaveLength(1);
  const stopped = record({ lost: { receivedAtMs: HOUR, leaseMs: HOUR } });
  expect(found([stopped])).toEqual([expect.stringContaining('1970-01-01T01:00:00.000Z')]);
  expect(found([stopped], { fromMs: 2 * HOUR })).toHaveLength(1);
  expect(found([stopped], { fromMs: 2 * HOUR + 1 })).toEqual([]);
});

test('a name follows from what is missing: more of it, or the same of another, has another name; ages change none', () => {
  const hole = (last: number, source = 'recant://a/1') =>
    missingOfSources([record({ source, holes: [{ first: 2, last, afterMs: HOUR }] })], { agents: ['a'] })[0]?.id;
  expect(hole(3)).toMatch(/^hole-[0-9a-f]{32}$/);
  expect(hole(3)).toBe(hole(3));
  expect(new Set([hole(3), hole(4), hole(3, 'recant://a/2')]).size).toBe(3);
  const open = (ageMs: number, pid = 7) => missingOfTransaction({ system: 'shop', login: 'l', agent: 'a', pid, ageMs }).id;
  expect(open(1_000)).toBe(open(90_000));
  expect(open(1_000)).not.toBe(open(1_000, 8));
  const away = (number: number | undefined, reason = 'away', source = 'recant://r/system/shop/1') =>
    missingOfSystem({ system: 'shop', reason, after: number === undefined ? undefined : { source, number } }).id;
  expect(away(7)).toBe(away(7, 'still away'));
  expect(new Set([away(7), away(6), away(8), away(undefined), away(7, 'away', 'recant://r/system/shop/2')]).size).toBe(5);
  // While those before the newest one are recorded, less is missing.
  const held = (messages: number, through: string) => missingOfHeld({ messages, through }).id;
  expect(held(5, 'a')).toBe(held(2, 'a'));
  expect(held(5, 'a')).not.toBe(held(5, 'b'));
});

test('an acceptance of little does not cover more: of no kind has a larger hole the accepted name', () => {
  const sources = (over: Partial<SourceRecord>) => missingOfSources([record(over)], { agents: ['a'] });
  const after = (number: number) => ({ source: 's', number });
  const grows: (readonly [little: readonly Missing[], more: readonly Missing[]])[] = [
    [sources({ holes: [{ first: 2, last: 3, afterMs: 0 }] }), sources({ holes: [{ first: 2, last: 9, afterMs: 0 }] })],
    [sources({ holes: [{ first: 2, last: 3, afterMs: 0 }] }), sources({ holes: [{ first: 2, last: 3, afterMs: 0 }], holesMore: 1 })],
    [
      sources({ withoutIntent: [{ action: 'x', attempt: 1, receivedAtMs: 0 }] }),
      sources({ withoutIntent: ['x', 'y'].map((action) => ({ action, attempt: 1, receivedAtMs: 0 })) }),
    ],
    [sources({ lost: { receivedAtMs: 2 * HOUR, leaseMs: 1 } }), sources({ lost: { receivedAtMs: HOUR, leaseMs: 1 } })],
    [[missingOfHeld({ messages: 1, through: 'first' })], [missingOfHeld({ messages: 1, through: 'another' })]],
    ...[after(8), undefined].map(
      (lower) =>
        [
          [missingOfSystem({ system: 'shop', reason: 'away', after: after(9) })],
          [missingOfSystem({ system: 'shop', reason: 'away', after: lower })],
        ] as const,
    ),
    [
      [missingOfTopic({ topic: 't', state: 'behind', partitions: [3] })],
      [missingOfTopic({ topic: 't', state: 'behind', partitions: [3, 4] })],
    ],
  ];
  for (const [little, more] of grows) {
    const names = little.map(({ id }) => id);
    expect(accept(little, names)).toMatchObject({ unknown: [], missing: [{ accepted: true }] });
    const { missing, unknown } = accept(more, names);
    expect([unknown, missing.filter(({ accepted }) => accepted)], more[0]?.detail).toEqual([names, []]);
  }
});

test('accepting marks what has the name, and returns names of nothing', () => {
  const [shop, crm] = ['shop', 'crm'].map((system) => missingOfSystem({ system, reason: 'away', after: undefined })) as [never, never];
  const names = [(shop as { id: string }).id, 'hole-0000000000000000'];
  expect(accept([shop, crm], names)).toEqual({
    missing: [{ ...(shop as object), accepted: true }, crm],
    unknown: ['hole-0000000000000000'],
  });
});

test('an attempt that has not ended is a conflict until it is accepted; one of unknown outcome stays a conflict', () => {
  const attempts = [attemptOf('open', 0, { status: 'open' }), attemptOf('unknown', 1, { status: 'unknown' })];
  const input = { tenant: 't', mode: 'refuse' as const, selection: { agents: ['a'] }, vector: {}, effects: [], systems: SYSTEMS };
  const body = plan({ ...input, selected: attempts, attempts });
  const open = openAttempts(attempts, body);
  expect([...open.values()]).toMatchObject([{ kind: 'open_attempt', subject: 'open/1' }]);
  expect(body.conflicts.map(({ ref }) => ref.action)).toEqual(['open', 'unknown']);
  expect(withoutAccepted(body.conflicts, new Set(open.keys())).map(({ ref }) => ref.action)).toEqual(['unknown']);
});
