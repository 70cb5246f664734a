import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser';
import { expect, test } from 'vitest';
import { ROOT } from './repository.ts';

const config = createRequire(import.meta.url)(join(ROOT, '.dependency-cruiser.cjs')) as IConfiguration;
const FIXTURES = join(ROOT, 'test', 'architecture', 'fixtures');
const rules = (config.forbidden ?? []).map(({ name = '' }) => name);

async function cruiseIn(baseDir: string, folders: string[]): Promise<ICruiseResult> {
  const { enhancedResolveOptions, ...options } = config.options ?? {};
  const result = await cruise(
    folders.filter((folder) => existsSync(join(baseDir, folder))),
    { ...options, baseDir, validate: true, ruleSet: { forbidden: config.forbidden ?? [] } },
    { ...enhancedResolveOptions },
  );
  return result.output as ICruiseResult;
}

test.for(rules)('the rule %s reports its fixture', async (rule) => {
  const { summary } = await cruiseIn(join(FIXTURES, rule), ['libs', 'services']);
  expect(summary.violations.map((violation) => violation.rule.name)).toContain(rule);
});

test('the repository follows every import rule', async () => {
  const { summary } = await cruiseIn(ROOT, ['libs', 'services', 'deploy', 'test']);
  expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
  // Without a TypeScript compiler that it supports, dependency-cruiser reads no file and reports no violation.
  expect(summary.totalCruised).toBeGreaterThan(50);
});
