import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT } from './repository.ts';

const REPORTS = [
  ['all passed', { numPassedTests: 12, numFailedTests: 0, numFailedTestSuites: 0, success: true }, '12 passed, 0 failed', 0],
  ['some failed', { numPassedTests: 11, numFailedTests: 1, numFailedTestSuites: 1, success: false }, '11 passed, 1 failed', 1],
  [
    'a file that cannot be loaded',
    { numPassedTests: 11, numFailedTests: 0, numFailedTestSuites: 2, success: false },
    '11 passed, 2 failed',
    1,
  ],
  [
    'an error outside of any test',
    { numPassedTests: 11, numFailedTests: 0, numFailedTestSuites: 0, success: false },
    '11 passed, 1 failed',
    1,
  ],
  ['nothing ran', { numPassedTests: 0, numFailedTests: 0, numFailedTestSuites: 0, success: true }, '0 passed, 0 failed', 1],
  ['no report', undefined, '0 passed, 0 failed', 1],
] as const;

test.for(REPORTS)('the last line of a test run counts its tests: %s', async ([, report, line, status]) => {
  const folder = await mkdtemp(join(tmpdir(), 'recant-ci-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'report.json');
  if (report) await writeFile(file, JSON.stringify(report));
  const run = spawnSync(process.execPath, [join(ROOT, '.ci', 'count.mjs'), file], { encoding: 'utf8' });
  expect(run).toMatchObject({ stdout: `${line}\n`, status });
});
