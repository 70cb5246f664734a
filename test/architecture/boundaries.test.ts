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

test.for(rules)('the rule %s sees its fixture broken', async (rule) => {
  const { summary } = await cruiseIn(join(FIXTURES, rule), ['libs', 'services']);
  expect(summary.violations.map((violation) => violation.rule.name)).toContain(rule);
});

test('the tree keeps every rule, and is really looked at', async () => {
  const { summary } = await cruiseIn(ROOT, ['libs', 'services', 'deploy', 'test']);
  expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
  // A compiler without an interface makes the tool see nothing and complain of nothing.
  expect(summary.totalCruised).toBeGreaterThan(50);
});
