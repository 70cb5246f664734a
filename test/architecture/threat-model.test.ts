import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './repository.ts';

test('THREAT_MODEL.md names existing tests, at least one per OWASP row', () => {
  const text = readFileSync(join(ROOT, 'THREAT_MODEL.md'), 'utf8');
  const named = [...text.matchAll(/`((?:libs|services|test)\/[\w./-]+\.ts)`/g)].map(([, path]) => path as string);
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const rows = text.split('\n').filter((line) => /^\| API\d+ /.test(line));
  expect(rows).toHaveLength(10);
  for (const row of rows) expect(row).toMatch(/`[\w/.-]+\.test\.ts`/);
});
