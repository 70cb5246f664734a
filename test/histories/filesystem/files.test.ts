import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { playHistories } from './campaign.ts';

/** The sample of the default run: what fits into this time. */
const SAMPLE_MS_MAX = 12_000;
const HISTORIES_MIN = 5;

test('I5: what an undo of files leaves is what the oracle computes, byte for byte, mode for mode, name for name', {
  timeout: 300_000,
}, async () => {
  const started = performance.now();
  const counts = { histories: 0, restored: 0, conflicted: 0, saves: 0, overwritten: 0 };
  const goesOn = () => counts.histories < HISTORIES_MIN || performance.now() - started < SAMPLE_MS_MAX;
  expect(await playHistories(1, 500, goesOn, counts)).toEqual([]);
  expect(counts.restored).toBeGreaterThan(0);
});

test('the oracle reaches no product code: it imports files of this folder, which import only node', async () => {
  const reached = new Set(['oracle.ts']);
  for (const file of reached) {
    const text = await readFile(new URL(file, import.meta.url), 'utf8');
    for (const [, name = ''] of text.matchAll(/\bfrom '([^']+)'/g)) {
      if (name.startsWith('./')) reached.add(name.slice(2));
      else expect([file, name]).toEqual([file, expect.stringMatching(/^node:/)]);
    }
  }
  expect(await readdir(import.meta.dirname)).toEqual(expect.arrayContaining([...reached]));
});
