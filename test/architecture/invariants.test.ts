import { expect, test } from 'vitest';
import { invariantsCited, invariantsIn } from './documents.ts';
import { readText, repositoryFiles } from './repository.ts';

const invariants = invariantsIn(readText('docs/invariants.md'));
const outside = repositoryFiles().filter((file) => !file.startsWith('test/architecture/'));
const testFiles = outside.filter((file) => file.endsWith('.test.ts'));

test('docs/invariants.md lists I1 to I15, each enforced by a test or marked as not enforced yet', () => {
  expect(invariants.map(({ id }) => id)).toEqual(Array.from({ length: 15 }, (_, n) => `I${n + 1}`));
  expect(invariants.filter(({ tests, enforced }) => tests.length > 0 !== enforced).map(({ id }) => id)).toEqual([]);
});

test.for(invariants)('exactly the listed test files name $id', ({ id, tests }) => {
  expect(testFiles.filter((file) => invariantsCited(readText(file)).includes(id))).toEqual([...tests].sort());
});

test('every invariant that code, tests or pages cite is in docs/invariants.md', () => {
  const known = new Set(invariants.map(({ id }) => id));
  const unknown = outside
    .filter((file) => /\.(ts|js|cjs|mjs|md|sql|java)$/.test(file))
    .flatMap((file) => invariantsCited(readText(file)).map((id) => ({ file, id })))
    .filter(({ id }) => !known.has(id));
  expect(unknown).toEqual([]);
});
