import type { PlanRepeatsBody, SameCallBody } from '@recant/api';
import { problemOf } from '@recant/api';
import { ApiError } from '@recant/client';
import { expect, test } from 'vitest';
import { planRepeatsText } from '../src/cli/plan-repeats.ts';
import { followUpsOf } from '../src/render/follow-ups.ts';
import { repeatLinesOf, repeatsText } from '../src/render/repeats.ts';

const plain = Object.assign((_style: unknown, text: string): string => text, { columns: undefined });
const receivedAt = '2026-03-01T12:00:00.000Z';
const call = (action: string, gapMs: number, agent = 'bot'): SameCallBody => ({
  ...{ source: 's', action, attempt: 1, agent, status: 'unknown', receivedAt, gapMs },
});
const item = (action: string, same: SameCallBody[]): PlanRepeatsBody['items'][number] => ({
  ...{ source: 's', action, attempt: 1, agent: 'bot', tool: 'pay', status: 'succeeded', reversibility: 'compensable', receivedAt, same },
});
const found = (items: PlanRepeatsBody['items'], over = {}): PlanRepeatsBody => ({
  items,
  compared: items.length,
  incomparable: 0,
  more: false,
  ...over,
});

test('a probable repeat says of which call, how far apart, how it ended and what to do', () => {
  const repeats = found([item('a', [call('b', -40_000)]), item('c', [call('d', 200_400, 'other'), call('e', 300_000)])], {
    incomparable: 2,
  });
  const lines = [
    "bot's pay (2026-03-01 12:00:00 UTC, action a): the same call as b 40 s before (unknown); probably a repeat: check whether both took effect",
    "bot's pay (2026-03-01 12:00:00 UTC, action c): the same call as other's d 3 min 20 s later (unknown), and 1 more; probably a repeat: check whether both took effect",
  ];
  expect(repeatsText(repeats, plain).split('\n')).toEqual([
    'Probable repeats:',
    ...lines.map((line) => `  ${line}`),
    '  Not compared: 2 attempts of which the record does not tell the arguments.',
    '',
  ]);
  expect(followUpsOf({ freezes: [], repeats })).toEqual(lines);
  expect(repeatLinesOf([call('b', -250)], 'bot')).toEqual([
    '  the same call as b 250 ms before (unknown); probably a repeat: check whether both took effect',
  ]);
});

test('nothing is said where there is none; where not all were compared, that is said; many are counted', () => {
  expect(repeatsText(found([], { incomparable: 3 }), plain)).toBe('');
  expect(repeatsText(found([], { compared: 300, more: true }), plain)).toBe(
    'Probable repeats:\n  none found\n  Only the first 300 were compared: narrow the selection for the others.\n',
  );
  const many = found(Array.from({ length: 25 }, (_, n) => item(`a${n}`, [call('\u001b[2J', 1)])));
  expect(repeatsText(many, plain)).toContain('... and 5 more');
  expect(repeatsText(many, plain)).not.toContain('\u001b');
  expect(followUpsOf({ freezes: [], repeats: many }).at(-1)).toBe('And 5 more probable repeats (--json has all)');
});

test('a service that does not answer hides nothing else of the plan', async () => {
  const planRepeats = async () => Promise.reject(new ApiError(problemOf('store_unavailable', 'no'), 1));
  expect(await planRepeatsText({ client: { planRepeats }, paint: plain } as never, 'p')).toContain('could not be read');
});
