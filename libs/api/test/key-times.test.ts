import { ApiFault, KEY_LIFETIME_MS_MAX, OVERLAP_MS_DEFAULT, OVERLAP_MS_MAX, parseExpiry, parseOverlap } from '@recant/api';
import { expect, test } from 'vitest';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const DAY_MS = 86_400_000;
const codeOf = (parse: () => number) => {
  try {
    return parse();
  } catch (error) {
    return error instanceof ApiFault ? error.code : String(error);
  }
};

test.each([
  ['90d', NOW + 90 * DAY_MS],
  ['PT12H', NOW + DAY_MS / 2],
  ['1ms', NOW + 1],
  ['3652d', NOW + 3_652 * DAY_MS],
  ['2026-03-01T14:00:00+01:00', NOW + 3_600_000],
  ['2026-03-02', 'time_zone_missing'],
  ['tomorrow', 'time_invalid'],
  ['', 'time_invalid'],
  ['0d', 'time_invalid'],
  ['2026-03-01T12:00:00Z', 'key_time_invalid'],
  ['2026-02-28T00:00:00Z', 'key_time_invalid'],
  ['3653d', 'key_time_invalid'],
  ['P999999999D', 'key_time_invalid'],
])('a key that expires %j', (text, expected) => {
  expect(codeOf(() => parseExpiry(text, NOW))).toBe(expected);
});

test.each([
  ['0', 0],
  ['0s', 0],
  ['PT0S', 0],
  ['1h', 3_600_000],
  ['30d', OVERLAP_MS_MAX],
  ['31d', 'key_time_invalid'],
  ['-1h', 'key_time_invalid'],
  ['', 'key_time_invalid'],
  ['soon', 'key_time_invalid'],
])('an overlap of %j', (text, expected) => {
  expect(codeOf(() => parseOverlap(text))).toBe(expected);
});

test('an overlap has a limit, and a key’s lifetime is longer than any overlap', () => {
  expect(OVERLAP_MS_DEFAULT).toBeLessThanOrEqual(OVERLAP_MS_MAX);
  expect(OVERLAP_MS_MAX).toBeLessThan(KEY_LIFETIME_MS_MAX);
});
