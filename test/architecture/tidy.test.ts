import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, readText, repositoryFiles } from './repository.ts';
import { importedPackages, TIDY_RULES } from './tidy.ts';

const files = repositoryFiles();

test.for(TIDY_RULES)('the repository follows $name', ({ applies, check }) => {
  const complaints = files.filter(applies).flatMap((file) => check(file, readText(file)).map((complaint) => `${file}: ${complaint}`));
  expect(complaints).toEqual([]);
});

test.for(TIDY_RULES)('the rule $name can fail', ({ applies, check, broken }) => {
  expect(applies(broken.file)).toBe(true);
  expect(check(broken.file, broken.text)).not.toEqual([]);
});

test('each package has a README', () => {
  const missing = files
    .filter((file) => /^(libs|services|deploy)\/.*package\.json$/.test(file))
    .filter((file) => !existsSync(join(ROOT, dirname(file), 'README.md')));
  expect(missing).toEqual([]);
});

test('each package declares what it imports', () => {
  const undeclared = files
    .filter((file) => /^(libs|services|deploy)\/.*package\.json$/.test(file))
    .flatMap((manifest) => undeclaredImports(manifest));
  expect(undeclared).toEqual([]);
});

test('importedPackages finds every form of import', () => {
  const text =
    "import a from 'pg';\nimport {\n  b,\n} from '@recant/store/x';\nexport * from 'zod';\nimport 'tap';\nconst d = await import('luxon');\nimport 'node:fs';";
  expect(importedPackages(text)).toEqual(['pg', '@recant/store', 'zod', 'tap', 'luxon']);
});

function undeclaredImports(manifestFile: string): string[] {
  const folder = dirname(manifestFile);
  const manifest = JSON.parse(readText(manifestFile)) as Record<string, Record<string, string>>;
  const declared = new Set([manifest.name, ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })]);
  return files
    .filter((file) => file.startsWith(`${folder}/src/`) && /(?<!\.test)\.ts$/.test(file) && !file.includes('/generated/'))
    .flatMap((file) => importedPackages(readText(file)).map((name) => ({ file, name })))
    .filter(({ name }) => !declared.has(name as never))
    .map(({ file, name }) => `${file} imports ${name}`);
}
