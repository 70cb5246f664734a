import { expect, test } from 'vitest';
import { differences, explain, partKey, type State } from '../src/demo/compare.ts';

const state = (rows: Record<string, Record<string, string>>): State => new Map(Object.entries(rows));
const EXPECTED = state({ a: { exists: 'row', x: '1' }, b: { exists: 'row', x: '1' } });

test('a row that one side lacks is one difference, a changed cell another, equal ones none', () => {
  expect(differences(EXPECTED, state({ a: { exists: 'row', x: '2' }, c: { exists: 'row' } }))).toEqual([
    { resource: 'a', part: 'x', expected: '1', found: '2' },
    { resource: 'b', part: 'exists', expected: 'row', found: undefined },
    { resource: 'c', part: 'exists', expected: undefined, found: 'row' },
  ]);
  expect(differences(EXPECTED, EXPECTED)).toEqual([]);
});

test('only a part that a skipped attempt wrote, and that undoing left alone, is explained', () => {
  const found = state({ a: { exists: 'row', x: '2' }, b: { exists: 'row', x: '1' } });
  const skipped = { why: 'skipped', wrote: new Set([partKey('a', 'x')]) };
  const why = (before: State, wrote = [skipped]) => explain(differences(EXPECTED, found), before, wrote).map((one) => one.why);
  expect(why(found)).toEqual(['skipped']);
  expect(why(state({ a: { exists: 'row', x: '3' } }))).toEqual([undefined]);
  expect(why(found, [{ why: 'skipped', wrote: new Set([partKey('a', 'y')]) }])).toEqual([undefined]);
});
