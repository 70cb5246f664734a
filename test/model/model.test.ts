import { expect, test } from 'vitest';
import { judge } from './judge.ts';
import { failureText } from './report.ts';

/** Histories of the default run. */
const HISTORIES = 300;

test('I5, I7, I8, I14: an undo in any mode leaves what the oracle computes from the recorded history, over adapters in memory', {
  timeout: 120_000,
}, async () => {
  const failures: string[] = [];
  for (let seed = 1; seed <= HISTORIES; seed += 1)
    for (const outcome of await judge(seed)) if (outcome.mismatches.length > 0) failures.push(failureText(outcome));
  expect(failures).toEqual([]);
});
