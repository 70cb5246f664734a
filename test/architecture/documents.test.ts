import { expect, test } from 'vitest';
import { brokenReferences, linksOf, missingDocuments, pathsNamedBy } from './documents.ts';
import { readText, repositoryFiles } from './repository.ts';

const files = repositoryFiles();
const pages = files.filter((file) => file.endsWith('.md'));

test('ARCHITECTURE.md is one page: at most 150 lines and 1,200 words', () => {
  const text = readText('ARCHITECTURE.md');
  expect(text.split('\n').length).toBeLessThanOrEqual(150);
  expect(text.split(/\s+/).filter(Boolean).length).toBeLessThanOrEqual(1_200);
  expect(pathsNamedBy(text).length).toBeGreaterThan(50);
});

test('every file and link that a page names exists', () => {
  const broken = pages.flatMap((page) => brokenReferences(page, readText(page)).map((path) => `${page}: ${path}`));
  expect(broken).toEqual([]);
});

test('no file cites a document that is not in the repository', () => {
  const texts = files.filter(
    (file) =>
      /\.(ts|js|cjs|mjs|md|sql|java|json|prisma)$/.test(file) &&
      !/^(test\/(architecture|compat|corpus)\/|services\/recant\/src\/demo\/|package-lock)/.test(file),
  );
  const missing = texts.flatMap((file) => missingDocuments(file, readText(file)).map((name) => `${file}: ${name}`));
  expect(missing).toEqual([]);
});

test('every decision has a context, a choice and a consequence', () => {
  const decisions = files.filter((file) => file.startsWith('docs/decisions/'));
  expect(decisions).toHaveLength(5);
  for (const file of decisions)
    for (const decision of readText(file).split(/^## /m).slice(1))
      expect(decision, file).toMatch(/^[^\n]+\n- Context: [\s\S]+\n- Choice: [\s\S]+\n- Consequence: [\s\S]+$/);
});

test('a reference to something that does not exist is found', () => {
  expect(pathsNamedBy('see `libs/{events,nothing}/src` and `libs/connectors/*`')).toEqual([
    'libs/events/src',
    'libs/nothing/src',
    'libs/connectors',
  ]);
  expect(linksOf('[a](x.md#y) [b](https://example.org) [c](#d)')).toEqual(['x.md']);
  expect(brokenReferences('docs/a.md', '`libs/nothing/src` and [b](../README.md) and [c](nothing.md)')).toEqual([
    'libs/nothing/src',
    'nothing.md',
  ]);
  expect(
    missingDocuments('libs/events/src/types.ts', '// see NOTHING.md, libs/events/README.md and DESIGN 8.4, RFC 6962, ADDRESS 203.0.113.7'),
  ).toEqual(['NOTHING.md', 'DESIGN 8.4']);
});
