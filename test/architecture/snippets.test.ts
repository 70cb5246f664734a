import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ignored, readText, repositoryFiles } from './repository.ts';
import { runnableSnippets, typeErrors } from './snippets.ts';

test('every program marked runnable in a page compiles', () => {
  const pages = repositoryFiles().filter((file) => file.endsWith('.md'));
  const snippets = pages.flatMap((page) => runnableSnippets(readText(page)).map((code, index) => [`${page}-${index}`, code] as const));
  expect(typeErrors(new Map(snippets))).toEqual([]);
  expect(snippets.length).toBeGreaterThan(0);
});

test('a program that does not compile is reported', () => {
  const page = "# x\n```ts runnable\nimport { startPostgres } from '@recant/local-postgres';\nawait startPostgres({ folder: 'x' });\n```\n";
  const errors = typeErrors(new Map(runnableSnippets(page).map((code) => ['page', code])));
  expect(errors).toEqual([expect.stringContaining("'folder' does not exist")]);
});

test('git ignores the files that following README.md creates', () => {
  const readme = readText('README.md');
  const named = [...readme.matchAll(/npx node (\S+\.ts)|--root \.\/(\S+)|root: '(\S+)'|--out (\S+)|`(\S+\.tlog-proof)`/g)].map(
    (match) => match.slice(1).find(Boolean) as string,
  );
  // The filesystem connector stores images next to the root folder.
  const left = named.flatMap((path) =>
    /\.\w/.test(path) ? [path] : [`${path}/a.txt`, join(dirname(path), '.recant-images-notes', 'key')],
  );
  expect(left).toContain('try/.recant-images-notes/key');
  expect(ignored(left)).toEqual(left);
  expect(ignored(['agent.ts', 'README.md'])).toEqual([]);
});
