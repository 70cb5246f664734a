import { expect, test } from 'vitest';
import { parseSelection, parseWindow } from '../src/index.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const HOUR = 3_600_000;
const code = (work: () => unknown): string => {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test('a window is ISO 8601 with a zone, or how long ago', () => {
  expect(parseWindow({ from: '2h' }, NOW)).toEqual({ fromMs: NOW - 2 * HOUR });
  expect(parseWindow({ window: '1h30m' }, NOW)).toEqual({ fromMs: NOW - 1.5 * HOUR });
  expect(parseWindow({ from: '2026-03-01T10:00:00+02:00', to: '2026-03-01T09:00Z' }, NOW)).toEqual({
    fromMs: NOW - 4 * HOUR,
    toMs: NOW - 3 * HOUR,
  });
  expect(parseWindow({ from: '2026-03-01T08:00Z', window: 'PT1H' }, NOW)).toEqual({ fromMs: NOW - 4 * HOUR, toMs: NOW - 3 * HOUR });
  expect(parseWindow({ from: '2026-03-01T10:00:00' }, NOW, 'Europe/Berlin')).toEqual({ fromMs: NOW - 3 * HOUR });
});

test.each([
  [{ from: '2026-03-01T10:00:00' }, 'time_zone_missing'],
  [{ from: '2026-03-01' }, 'time_zone_missing'],
  [{ from: 'yesterday' }, 'time_invalid'],
  [{ window: '-2h' }, 'time_invalid'],
  [{ window: '2h', from: '3h', to: '1h' }, 'time_invalid'],
  [{ from: '1h', to: '2h' }, 'window_empty'],
  [{ from: '1h', to: '1h' }, 'window_empty'],
])('%j is refused: %s', (window, expected) => {
  expect(code(() => parseWindow(window, NOW))).toBe(expected);
});

test('equal selections have one canonical form', () => {
  const selection = { agents: ['a', 'b'], tools: ['t'], fromMs: NOW - 2 * HOUR };
  expect(parseSelection({ agents: ['b', 'a', 'b'], tools: ['t'], window: '2h' }, NOW)).toEqual(selection);
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
  [null, 'selection_invalid'],
])('%j is refused: %s', (json, expected) => {
  expect(code(() => parseSelection(json, NOW))).toBe(expected);
});
