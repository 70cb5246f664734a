import { readdir, readFile } from 'node:fs/promises';
import { testDatabase } from '@recant/test-support';
import { expect, test } from 'vitest';
import { playAll } from './campaign.ts';
import { ALL_KINDS } from './script.ts';
import type { State } from './state.ts';

/** The sample of the default run: one history of most kinds, or what fits into this time. */
const SAMPLE_MS_MAX = 25_000;
const HISTORIES_MIN = 3;

test('I5: what an undo leaves is what the oracle computes from the recorded history, cell by cell', { timeout: 300_000 }, async () => {
  await using database = await testDatabase();
  const started = performance.now();
  const state: State = { from: 1, next: 1, counts: {}, failures: [] };
  await playAll({
    adminUrl: database.ownerUrl,
    state,
    end: ALL_KINDS.length,
    atOnce: 2,
    goesOn: () => state.next <= HISTORIES_MIN || performance.now() - started < SAMPLE_MS_MAX,
    onOutcome: async () => undefined,
  });
  expect(state.failures).toEqual([]);
  expect(state.next).toBeGreaterThan(HISTORIES_MIN);
});

const ORACLE = [
  'compare.ts',
  'dependents.ts',
  'expect.ts',
  'oracle.ts',
  'parts.ts',
  'play.ts',
  'random.ts',
  'record.ts',
  'schema.ts',
  'script.ts',
];

/** Names of modules that an import or an export names. */
const importsOf = (text: string): string[] =>
  [...text.matchAll(/\bfrom '([^']+)'|\bimport\(?\s*'([^']+)'/g)].map(([, a, b]) => a ?? b ?? '');

test('the oracle reaches no product code: its imports are files of this folder, which import only node and pg', async () => {
  const files = await readdir(import.meta.dirname);
  const reached = new Set(['expect.ts', 'compare.ts']);
  for (const file of reached) {
    for (const name of importsOf(await readFile(new URL(file, import.meta.url), 'utf8'))) {
      if (name.startsWith('./')) reached.add(name.slice(2));
      else expect([file, name]).toEqual([file, expect.stringMatching(/^(node:.*|pg)$/)]);
    }
  }
  expect(files).toEqual(expect.arrayContaining([...reached]));
  expect([...reached].sort()).toEqual(ORACLE);
});
