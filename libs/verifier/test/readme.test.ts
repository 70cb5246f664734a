import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { RULES, WARNINGS } from '../src/index.ts';

it('the README lists the rules and warnings of rules.ts with the same order and texts', async () => {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `([a-z_]+)` \|(?: [bhd ]+ \|)? (.+) \|$/gm)].map(([, rule, meaning]) => [
    rule,
    meaning?.replaceAll("'", '’'),
  ]);
  expect(rows).toEqual([...Object.entries(RULES), ...Object.entries(WARNINGS)]);
});
