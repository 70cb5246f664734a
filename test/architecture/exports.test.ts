import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { exportsOnlyTestsUse, type Sources } from './exports.ts';
import { readText, repositoryFiles } from './repository.ts';

/** Packages that agents and connector authors install. Other published packages are their dependencies; their users are here. */
const PUBLIC = /^@recant\/(api|client|connector|connector-filesystem|connector-postgres|sdk)$/;
/** Schemas for producers in other languages, and the generic C2SP and RFC 6962 formats, both sides of each. */
const PUBLIC_ENTRIES = ['@recant/events/schemas', '@recant/transparency'];

function repositorySources(): Sources {
  const all = repositoryFiles();
  const entries = new Map<string, string>();
  const publicEntries = new Set<string>();
  for (const manifest of all.filter((file) => /^(libs|services|test)\/.*package\.json$/.test(file))) {
    const { name, exports = {} } = JSON.parse(readText(manifest)) as { name: string; exports?: Record<string, string> };
    for (const [path, target] of Object.entries(exports)) {
      const specifier = join(name, path);
      const file = join(dirname(manifest), target);
      entries.set(specifier, file);
      if (PUBLIC.test(name) || PUBLIC_ENTRIES.includes(specifier)) publicEntries.add(file);
    }
  }
  const isSource = (file: string): boolean => /\.(ts|mjs|js)$/.test(file) && !file.endsWith('.d.ts');
  const pages = all.filter((file) => file.endsWith('.md'));
  return {
    files: new Map(all.filter(isSource).map((file) => [file, readText(file)])),
    examples: pages.flatMap((page) => [...readText(page).matchAll(/^```ts.*\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)),
    entries,
    publicEntries,
  };
}

// Parses every file: 20 s alone, minutes on a busy machine.
test('no product file exports a name that only tests use', { timeout: 300_000 }, () => {
  expect(exportsOnlyTestsUse(repositorySources())).toEqual([]);
});

test('an export that only tests use is reported, at its declaration and at its entry', () => {
  const files = new Map([
    ['libs/a/src/index.ts', "export { onlyTested, shared, inside, type Options } from './a.ts';"],
    [
      'libs/a/src/a.ts',
      'export interface Options {}\nexport const onlyTested = 1;\nexport const shared = 2;\nexport const inside = 3;\nconst x = inside;',
    ],
    ['libs/a/test/a.test.ts', "import { onlyTested, inside, type Options } from '../src/index.ts';"],
    ['services/b/src/main.ts', "import { shared } from '@recant/a';"],
  ]);
  const sources = { files, examples: [], entries: new Map([['@recant/a', 'libs/a/src/index.ts']]), publicEntries: new Set<string>() };
  expect(exportsOnlyTestsUse(sources)).toEqual([
    'libs/a/src/index.ts: onlyTested',
    'libs/a/src/index.ts: inside',
    'libs/a/src/a.ts: Options',
    'libs/a/src/a.ts: onlyTested',
  ]);
  const example = "import { onlyTested, inside, type Options } from '@recant/a';";
  expect(exportsOnlyTestsUse({ ...sources, examples: [example] })).toEqual([]);
  expect(exportsOnlyTestsUse({ ...sources, publicEntries: new Set(['libs/a/src/index.ts']) })).toEqual([]);
});
