import { expect, test } from 'vitest';
import { parseSelection } from '../src/index.ts';

const HOUR = 3_600_000;
const code = (work: () => unknown): string => {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test('equal selections have one form', () => {
  const selection = { agents: ['a', 'b'], tools: ['t'], fromMs: 2 * HOUR };
  expect(parseSelection({ tools: ['t'], fromMs: 2 * HOUR, agents: ['b', 'a', 'b'] })).toEqual(selection);
});

test.each([
  [{}, 'selection_empty'],
  [{ clock: 'received' }, 'selection_empty'],
  [{ agent: ['a'] }, 'selection_invalid'],
  [{ agents: [] }, 'selection_invalid'],
  [{ agents: 'a' }, 'selection_invalid'],
  [{ agents: [''] }, 'selection_invalid'],
  [{ outcomes: ['great'] }, 'selection_invalid'],
  [{ resources: ['orders'] }, 'selection_invalid'],
  [{ agents: ['a'], clock: 'mine' }, 'selection_invalid'],
  [{ agents: ['a'], fromMs: 2, toMs: 1 }, 'window_empty'],
  [{ fromMs: 0.5 }, 'time_invalid'],
  [null, 'selection_invalid'],
])('%j is refused: %s', (json, expected) => {
  expect(code(() => parseSelection(json))).toBe(expected);
});
