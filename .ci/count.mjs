import { readFileSync } from 'node:fs';

/** Counts of a vitest JSON report. Without a report nothing ran; a test file that could not be loaded is a failure. */
function count(file) {
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites, success } = JSON.parse(readFileSync(file, 'utf8'));
    const failed = numFailedTests === 0 && !success ? Math.max(1, numFailedTestSuites) : numFailedTests;
    return { passed: numPassedTests, failed };
  } catch {
    return { passed: 0, failed: 0 };
  }
}

const { passed, failed } = count(process.argv[2] ?? '');
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
