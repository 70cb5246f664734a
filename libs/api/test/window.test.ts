import { ApiFault, parseDurationMs, parseWindow, type WindowText } from '@recant/api';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const codeOf = (window: WindowText) => {
  try {
    parseWindow(window, NOW);
    return 'fine';
  } catch (error) {
    return error instanceof ApiFault ? error.code : String(error);
  }
};

test.each([
  ['2026-03-01T10:00:00Z', Date.parse('2026-03-01T10:00:00Z')],
  ['2026-03-01T10:00:00+02:00', Date.parse('2026-03-01T08:00:00Z')],
  ['2026-03-01T10:00-0530', Date.parse('2026-03-01T15:30:00Z')],
  ['2026-03-01T10Z', Date.parse('2026-03-01T10:00:00Z')],
  ['2h', NOW - 7_200_000],
  ['90s', NOW - 90_000],
  ['1h30m', NOW - 5_400_000],
  ['1d12h', NOW - 129_600_000],
  ['PT15M', NOW - 900_000],
  ['P1D', NOW - 86_400_000],
  ['2026-03-01T14:00:00+14:00', Date.parse('2026-03-01T00:00:00Z')],
  ['2026-03-01T10:00:00-1400', Date.parse('2026-03-02T00:00:00Z')],
])('%s is a time', (from, ms) => {
  expect(parseWindow({ from }, NOW)).toEqual({ fromMs: ms });
});

test.each([
  ['2026-03-01T10:00:00', 'time_zone_missing'],
  ['2026-03-01', 'time_zone_missing'],
  ['10:00', 'time_zone_missing'],
  ['2026-03-01T10:00:00+14:01', 'time_invalid'],
  ['2026-03-01T10:00:00+1459', 'time_invalid'],
  ['2026-03-01T10:00:00-15', 'time_invalid'],
  ['2026-03-01T10:00:00+02:60', 'time_invalid'],
  ['2026-03-01T10:00:00+99:99', 'time_invalid'],
  ['', 'time_invalid'],
  ['now', 'time_invalid'],
  ['2 h', 'time_invalid'],
  ['-2h', 'time_invalid'],
  ['P-1D', 'time_invalid'],
  ['2026-02-30T10:00:00Z', 'time_invalid'],
  ['0m', 'time_invalid'],
  ['99999999d', 'time_invalid'],
  ['P99999999999D', 'time_invalid'],
  ['-100000-01-01T00:00:00Z', 'time_invalid'],
  ['+100000-01-01T00:00:00Z', 'time_invalid'],
])('%s is %s', (from, code) => {
  expect(codeOf({ from })).toBe(code);
});

test('a window ends after it begins, in any zones', () => {
  expect(codeOf({ from: '1h', to: '2h' })).toBe('window_empty');
  expect(codeOf({ from: '2026-03-01T10:00:00Z', to: '2026-03-01T12:00:00+02:00' })).toBe('window_empty');
  expect(parseWindow({ from: '2h', to: '1h' }, NOW)).toEqual({ fromMs: NOW - 7_200_000, toMs: NOW - 3_600_000 });
  expect(parseWindow({}, NOW)).toEqual({});
});

test('a duration ends now, or extends from the given end', () => {
  const from = '2026-03-01T08:00Z';
  const fromMs = Date.parse(from);
  expect(parseWindow({ window: '1h30m' }, NOW)).toEqual({ fromMs: NOW - 5_400_000 });
  expect(parseWindow({ from, window: 'PT1H' }, NOW)).toEqual({ fromMs, toMs: fromMs + 3_600_000 });
  expect(parseWindow({ to: from, window: '1h' }, NOW)).toEqual({ fromMs: fromMs - 3_600_000, toMs: fromMs });
  expect(codeOf({ window: '-2h' })).toBe('time_invalid');
  expect(codeOf({ window: '99999999d' })).toBe('time_invalid');
  expect(codeOf({ window: '2h', from: '3h', to: '1h' })).toBe('time_invalid');
});

test('any text is parsed or refused with an error code', () => {
  fc.assert(
    fc.property(fc.string(), (text) =>
      ['fine', 'time_invalid', 'time_zone_missing', 'window_empty'].includes(codeOf({ from: text, to: text })),
    ),
  );
  fc.assert(fc.property(fc.string(), (text) => (parseDurationMs(text) ?? 1) >= 0));
});
