import type { KeyBody } from '@recant/api';
import { expect, test } from 'vitest';
import { keyNote, keyStateText, noResourceWarning, timeLeft } from '../src/render/key.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const key: KeyBody = {
  keyId: 'k',
  label: 'ci',
  roles: ['emit'],
  sourcePrefix: 'recant://a',
  agents: ['a'],
  resources: [],
  people: [],
  createdAt: '2026-01-01T00:00:00.000Z',
  state: 'active',
};

test.each([
  [0, '0 s'],
  [119_999, '119 s'],
  [120_000, '2 m'],
  [7_199_999, '119 m'],
  [86_400_000, '24 h'],
  [172_800_000, '2 d'],
])('%i ms are %s', (ms, words) => {
  expect(timeLeft(ms)).toBe(words);
});

test.each<[Partial<KeyBody>, string]>([
  [{}, 'active'],
  [{ expiresAt: '2026-03-01T15:00:00.000Z' }, 'active, expires in 3 h'],
  [{ state: 'rotated', expiresAt: '2026-03-01T15:00:00.000Z', successor: 'n' }, 'rotated, expires in 3 h'],
  [{ state: 'expired', expiresAt: '2026-02-01T00:00:00.000Z' }, 'expired 2026-02-01 00:00:00 UTC'],
  [{ state: 'revoked', revokedAt: '2026-02-02T00:00:00.000Z' }, 'revoked 2026-02-02 00:00:00 UTC'],
])('state of a key with %j', (over, words) => {
  expect(keyStateText({ ...key, ...over }, NOW)).toBe(words);
});

test('a key names what it replaces and what replaces it', () => {
  expect(keyNote({ ...key, predecessor: 'p', successor: 's' })).toBe('ci; replaces p; replaced by s');
  expect(keyNote({ ...key, label: '' })).toBe('');
});

test('an agent key without resources gets a warning', () => {
  expect(noResourceWarning({ roles: ['emit'], resources: [] })).toMatch(/^Warning: .*cannot be undone/);
  expect(noResourceWarning({ roles: ['emit'], resources: ['postgres://shop/*'] })).toBe('');
  expect(noResourceWarning({ roles: ['view'], resources: [] })).toBe('');
});
