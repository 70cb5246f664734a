import { expect, test } from 'vitest';
import { readText, repositoryFiles } from './repository.ts';
import { runnableSnippets, typeErrors } from './snippets.ts';

test('every program that a page shows as runnable compiles', () => {
  const pages = repositoryFiles().filter((file) => file.endsWith('.md'));
  const snippets = pages.flatMap((page) => runnableSnippets(readText(page)).map((code, index) => [`${page}-${index}`, code] as const));
  expect(typeErrors(new Map(snippets))).toEqual([]);
  expect(snippets.length).toBeGreaterThan(0);
});

test('a program that no longer fits the code is named', () => {
  const page = "# x\n```ts runnable\nimport { startPostgres } from '@recant/local-postgres';\nawait startPostgres({ folder: 'x' });\n```\n";
  const errors = typeErrors(new Map(runnableSnippets(page).map((code) => ['page', code])));
  expect(errors).toEqual([expect.stringContaining("'folder' does not exist")]);
});
