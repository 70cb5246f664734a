import { expect, test } from 'vitest';
import { differences, explain, partKey, type State } from '../src/demo/compare.ts';

const state = (rows: Record<string, Record<string, string>>): State => new Map(Object.entries(rows));
const EXPECTED = state({ a: { exists: 'row', x: '1' }, b: { exists: 'row', x: '1' } });

test('a missing row is one difference, a changed cell another, equal rows none', () => {
  expect(differences(EXPECTED, state({ a: { exists: 'row', x: '2' }, c: { exists: 'row' } }))).toEqual([
    { resource: 'a', part: 'x', expected: '1', found: '2' },
    { resource: 'b', part: 'exists', expected: 'row', found: undefined },
    { resource: 'c', part: 'exists', expected: undefined, found: 'row' },
  ]);
  expect(differences(EXPECTED, EXPECTED)).toEqual([]);
});

test('a difference is explained only where a skipped attempt wrote the part and undoing did not change it', () => {
  const found = state({ a: { exists: 'row', x: '2' }, b: { exists: 'row', x: '1' } });
  const skipped = { reason: 'skipped', wrote: new Set([partKey('a', 'x')]) };
  const reasons = (before: State, wrote = [skipped]) => explain(differences(EXPECTED, found), before, wrote).map((one) => one.reason);
  expect(reasons(found)).toEqual(['skipped']);
  expect(reasons(state({ a: { exists: 'row', x: '3' } }))).toEqual([undefined]);
  expect(reasons(found, [{ reason: 'skipped', wrote: new Set([partKey('a', 'y')]) }])).toEqual([undefined]);
});
