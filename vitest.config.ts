import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{libs,services,deploy,test}/**/*.test.ts'],
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
