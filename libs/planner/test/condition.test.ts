import type { AttemptRef } from '@recant/events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LedgerReader, PlannerError, parseSelection, selectionText } from '../src/index.ts';
import { selectAttempts } from '../src/select-attempts.ts';
import { allOf, anyOf, type Condition, KEY_OPERATORS, notOf, oneOf, TEXT_FIELDS } from '../src/selection/condition.ts';
import { conditionOfJson } from '../src/selection/condition-of-json.ts';
import { type AttemptFacts, isMatch } from '../src/selection/evaluate.ts';
import { lift } from '../src/selection/lift.ts';
import { parseCondition } from '../src/selection/parse-condition.ts';
import { printCondition } from '../src/selection/print-condition.ts';
import { attemptOf, effect, refOf } from './world.ts';

const NOW = Date.parse('2026-03-01T14:00:00.000Z');
const instantOf = (text: string): number => {
  if (text === '2h') return NOW - 7_200_000;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new TypeError(`not a time: ${text}`);
  return ms;
};
const failure = (work: () => unknown): string => {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
};

const WORDS: Record<string, readonly string[]> = {
  outcome: ['failed', 'succeeded'],
  grade: ['claimed', 'attested'],
  reversibility: ['reversible', 'unknown'],
  resource: ['postgres://shop/public.orders/1', 'postgres://shop/public.orders/22'],
};
const text = fc.oneof(
  fc.constantFrom('a', "it's", 'and', '*', '2h', 'ü '),
  fc.string({ minLength: 1, maxLength: 6 }).filter((value) => value.isWellFormed()),
);
const comparison = (words: readonly string[] | undefined) =>
  fc.oneof(
    fc.array(words ? fc.constantFrom(...words) : text, { minLength: 1, maxLength: 3 }).map(oneOf),
    text.map((like) => ({ like })),
  );
const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.constantFrom(...TEXT_FIELDS).chain((field) => comparison(WORDS[field]).map((compared) => ({ field, ...compared }))),
  fc.tuple(text, comparison(undefined)).map(([label, compared]) => ({ label, ...compared })),
  fc.record({
    key: fc.constant('postgres://shop/public.orders'),
    at: fc.integer({ min: 1, max: 3 }),
    op: fc.constantFrom(...KEY_OPERATORS),
    value: fc.constantFrom('1', '9', '22', 'x'),
  }),
  fc
    .tuple(fc.integer({ min: 0, max: 20 }), fc.boolean(), fc.boolean())
    .map(([ms, isSince, claimed]) => ({ ...(isSince ? { since: ms } : { before: ms }), ...(claimed && { clock: 'claimed' as const }) })),
);
const condition: fc.Arbitrary<Condition> = fc.letrec<{ tree: Condition }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map(allOf),
    fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map(anyOf),
    tie('tree').map(notOf),
  ),
})).tree;
const facts: fc.Arbitrary<AttemptFacts> = fc.record({
  id: fc.constantFrom('a', 'and'),
  agent: fc.constantFrom('a', "it's", 'x'),
  tool: fc.constantFrom('a', '*'),
  outcome: fc.constantFrom('failed', 'succeeded'),
  grade: fc.constantFrom('claimed', 'attested'),
  reversibility: fc.constantFrom('reversible', 'unknown'),
  labels: fc.dictionary(text, text, { maxKeys: 2 }),
  resources: fc.subarray(['postgres://shop/public.orders/1', 'postgres://shop/public.orders/22', 'postgres://shop/public.lines/9,1']),
  receivedAtMs: fc.integer({ min: 0, max: 20 }),
  intendedAtMs: fc.integer({ min: 0, max: 20 }),
});

describe('a condition', () => {
  test('printed and parsed again is the same, as text and as JSON', () => {
    fc.assert(
      fc.property(condition, (given) => {
        expect(parseCondition(printCondition(given))).toEqual(given);
        expect(conditionOfJson(JSON.parse(JSON.stringify(given)))).toEqual(given);
      }),
      { numRuns: 500 },
    );
  });

  test('selects the same attempts after the ledger took what it can look up', () => {
    fc.assert(
      fc.property(condition, facts, (given, attempt) => {
        const { fields, rest } = lift(given, {});
        const { where: _where, ...whole } = { ...fields, where: rest };
        const text =
          Object.keys(whole).length === 0
            ? printCondition(given)
            : selectionText({ ...whole, ...(rest && { where: printCondition(rest) }) });
        expect(isMatch(parseCondition(text), attempt)).toBe(isMatch(given, attempt));
        // The ledger reads no fewer attempts than match.
        if (isMatch(given, attempt) && Object.keys(whole).length > 0)
          expect(isMatch(parseCondition(selectionText(whole)), attempt)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["agent = 'x' and tool != 'y' and since 2h", { agents: ['x'], fromMs: NOW - 7_200_000, where: "not tool = 'y'" }],
    ["agent = a or agent in ('b', a)", { agents: ['a', 'b'] }],
    [
      "resource ~ 'postgres://shop/public.orders/*' or resource = 'postgres://shop/public.lines/1'",
      { resources: ['postgres://shop/public.lines/1', 'postgres://shop/public.orders/*'] },
    ],
    [
      '(agent = a and tool = t) or (agent = b and outcome = failed)',
      { agents: ['a', 'b'], where: "agent = 'a' and tool = 't' or agent = 'b' and outcome = 'failed'" },
    ],
    ['agent = a AND NOT agent = b', { agents: ['a'], where: "not agent = 'b'" }],
    ['claimed since 2026-03-01T14:00Z', { fromMs: NOW, clock: 'claimed' }],
    ['label team = "it\'s"', { where: "label 'team' = 'it''s'" }],
    ["key('postgres://shop/public.orders') >= 100", { where: "key('postgres://shop/public.orders') >= '100'" }],
  ])('%s', (given, expected) => {
    expect(parseSelection(given, instantOf)).toEqual(expected);
    expect(parseSelection({ where: given }, instantOf)).toEqual(expected);
  });

  test('keeps what a field given beside it already limits', () => {
    expect(parseSelection({ agents: ['a'], where: 'agent = b' })).toEqual({ agents: ['a'], where: "agent = 'b'" });
    expect(parseSelection({ fromMs: 5, toMs: 9, where: 'before 1970-01-01T00:00:00.004Z' })).toEqual({
      fromMs: 5,
      toMs: 9,
      where: 'before 1970-01-01T00:00:00.004Z',
    });
  });
});

describe('a faulty condition says where, what was expected and an example', () => {
  test.each([
    ['agnet = x', /character 1: expected .*agent, principal.*, got "agnet"\. Example: agent = /],
    ["agent 'x'", /character 7: expected =, !=, ~, !~, in or not in, got "x"/],
    ['agent = ', /character 9: expected a value in quotes for agent, got the end/],
    ["agent = 'x' tool = 'y'", /character 13: expected and, or, or the end, got "tool"/],
    ["agent = 'x", /character 9: expected a value in quotes for agent, got "'x"/],
    ['outcome = great', /character 11: expected one of open, succeeded/],
    ["resource = 'postgres://shop/*'", /character 12: expected a resource without \* \(patterns follow ~\)/],
    ['since yesterday', /character 7: expected a time such as 2h.*not a time: yesterday/],
    ['(agent = x', /character 11: expected \), got the end/],
    ["key('orders') = 1", /character 5: expected the table of the key/],
    ['', /character 1: expected not, \(/],
    [`${'not ('.repeat(40)}agent = x`, /expected at most 32 levels/],
    [`${'agent = x or '.repeat(600)}agent = x`, /expected at most 500 comparisons/],
    [' '.repeat(20_000), /expected at most 16384 characters/],
  ])('%j', (given, expected) => {
    const message = failure(() => parseCondition(given, instantOf));
    expect(message).toMatch(/^selection_invalid: /);
    expect(message).toMatch(expected);
  });

  test.each([
    [{ and: [] }, 'where.and: expected a list of conditions'],
    [
      {
        or: [
          { field: 'agent', in: ['a'] },
          { field: 'x', in: ['a'] },
        ],
      },
      'where.or[1].field: expected one of agent',
    ],
    [{ field: 'agent', in: ['a'], like: 'b' }, 'where: expected the members of one condition'],
    [{ field: 'outcome', in: ['great'] }, 'where.in[0]: expected one of open'],
    [{ key: 'postgres://shop/public.orders', op: '<>', value: '1' }, 'where.op: expected one of ='],
    [{ since: 'now' }, 'where.since: expected a whole number'],
  ])('%j', (given, expected) => {
    expect(failure(() => conditionOfJson(given))).toContain(expected);
  });
});

describe('the attempts that meet a condition', () => {
  const attempts = ['one', 'two', 'three'].map((name, at) => attemptOf(name, at, { agent: at === 2 ? 'b' : 'a', grade: 'claimed' }));
  const asked: string[] = [];
  const ledger = {
    select: async () => attempts,
    contexts: async () => {
      asked.push('contexts');
      return new Map([
        [
          `${refOf('one').source}\u0000one\u00001`,
          { onBehalfOf: 'ann', agentVersion: '2', labels: { team: 'red' }, resources: ['postgres://shop/public.t/7'] },
        ],
      ]);
    },
    effectsOf: async () => {
      asked.push('effects');
      return [effect('two', 1, 'postgres://shop/public.t/42', {}), effect('three', 2, 'postgres://shop/public.t/1,a%2Cb', {})];
    },
  };
  const names = async (where: string) =>
    (await selectAttempts(ledger as unknown as LedgerReader, 't', { where }, {})).map(({ ref }) => ref.action);

  test.each([
    ["agent != 'b'", ['one', 'two']],
    ["principal = 'ann'", ['one']],
    ["principal != 'ann'", ['two', 'three']],
    ["version ~ '*' and label team ~ 'r*d'", ['one']],
    ["resource ~ 'postgres://*/public.t/4*'", ['two']],
    ["key('postgres://shop/public.t') >= 7", ['one', 'two']],
    ["key('postgres://shop/public.t', 2) = 'a,b'", ['three']],
    ["not resource ~ '*'", []],
    ["id = 'two' or grade = 'attested'", ['two']],
  ])('%s', async (where, expected) => {
    expect(await names(where)).toEqual(expected);
  });

  test('reads nothing that the condition does not ask for', async () => {
    asked.length = 0;
    await names(printCondition(parseCondition("agent != 'b' and outcome = failed")));
    expect(asked).toEqual([]);
    await names("label team = 'red'");
    expect(asked).toEqual(['contexts']);
  });

  test('reads the resources of attempts with more effects than one answer has in halves; one attempt with more is refused', async () => {
    const answers: number[] = [];
    const bounded = (most: number): LedgerReader =>
      ({
        ...ledger,
        effectsOf: async (_tenant: string, refs: readonly AttemptRef[]) => {
          if (refs.length > most) throw new PlannerError('plan_too_large', 'Too many effects');
          answers.push(refs.length);
          return refs.map(({ action }) => effect(action, 1, `postgres://shop/public.t/${action}`, {}));
        },
      }) as unknown as LedgerReader;
    const where = "resource ~ '*.t/t*'";
    expect((await selectAttempts(bounded(1), 't', { where }, {})).map(({ ref }) => ref.action)).toEqual(['two', 'three']);
    expect(answers).toEqual([1, 1, 1]);
    await expect(selectAttempts(bounded(0), 't', { where }, {})).rejects.toMatchObject({ code: 'plan_too_large' });
  });
});
