import { readFile } from 'node:fs/promises';
import { testDatabase } from '@recant/test-support';
import { expect, test } from 'vitest';
import { freshState } from '../histories/state.ts';
import { BROKEN } from './broken.ts';
import { judge } from './judge.ts';
import { playWith } from './on-postgres.ts';
import { failureText, realFailureText } from './report.ts';

/** Histories of the default run, in memory, and on PostgreSQL: as many of the second as fit into this time, but at least two. */
const HISTORIES = 200;
const REAL = { count: 8, min: 2, ms: 6_000 };

test('I5, I7, I8, I14: an undo in any mode leaves what the oracle computes from the recorded history, over adapters in memory', {
  timeout: 120_000,
}, async () => {
  const failures: string[] = [];
  for (let seed = 1; seed <= HISTORIES; seed += 1)
    for (const outcome of await judge(seed)) if (outcome.mismatches.length > 0) failures.push(failureText(outcome));
  expect(failures).toEqual([]);
});

/** Histories within which each broken target is found. */
const BROKEN_MAX = 60;

test.each([...BROKEN])('the check notices a target where %s', { timeout: 120_000 }, async (_, createTarget) => {
  let found = 0;
  for (let seed = 1; seed <= BROKEN_MAX && found === 0; seed += 1)
    found = (await judge(seed, { createTarget })).filter(({ mismatches }) => mismatches.length > 0).length;
  expect(found).toBeGreaterThan(0);
});

/** Modules of the oracle, and all that they import: no product code. */
test('the database, the play and the edges import no product code', async () => {
  const reached = new Set(
    ['memory/database.ts', 'play.ts', 'twist.ts', 'scenario.ts', 'edges.ts'].map((file) => new URL(file, import.meta.url).href),
  );
  for (const file of reached) {
    const text = await readFile(new URL(file), 'utf8');
    for (const [, name = ''] of text.matchAll(/\bfrom '([^']+)'/g)) {
      if (name.startsWith('.')) reached.add(new URL(name, file).href);
      else expect([file, name]).toEqual([file, expect.stringMatching(/^(node:.*|pg)$/)]);
    }
  }
  expect(reached.size).toBeGreaterThan(5);
});

test('the same histories have the same play and the same end on a real PostgreSQL', { timeout: 120_000 }, async () => {
  await using database = await testDatabase();
  const started = performance.now();
  const state = freshState(1);
  await playWith(database.ownerUrl, {
    seeds: Array.from({ length: REAL.count }, (_, n) => 1 + n),
    state,
    goesOn: () => state.done.length < REAL.min || performance.now() - started < REAL.ms,
    onOutcome: async () => undefined,
  });
  expect(state.failures.map(realFailureText)).toEqual([]);
  expect(state.done.length).toBeGreaterThanOrEqual(REAL.min);
});
