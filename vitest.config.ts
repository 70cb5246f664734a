import { configDefaults, defineConfig } from 'vitest/config';

/** Files that replace modules of others: each wants a process of its own. */
const ALONE = ['libs/connectors/filesystem/test/lock.test.ts'];

export default defineConfig({
  test: {
    // Evaluating the workspace anew for each file takes a second of CPU time: no module keeps state (CONTRIBUTING.md), so that files may share it.
    projects: [
      { extends: true, test: { name: 'alone', include: ALONE } },
      { extends: true, test: { name: 'together', isolate: false, include: ['{libs,services,deploy,test}/**/*.test.ts'], exclude: ALONE } },
    ],
    exclude: [...configDefaults.exclude, '**/dist/**', 'test/architecture/fixtures/**'],
    globalSetup: ['test/support/src/global-setup.ts'],
    // Files that start processes and send them signals want processes of their own.
    pool: 'forks',
    maxWorkers: 2,
    // kafkajs 2.2.4 re-arms a timer with a negative delay; Node 24 warns of it in every process.
    // Node 24's Maglev compiler crashes the process at random on busy machines (nodejs/node#64841).
    execArgv: ['--disable-warning=TimeoutNegativeWarning', '--no-maglev'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    passWithNoTests: false,
    allowOnly: false,
  },
});
