import { readdir, readFile } from 'node:fs/promises';
import { testDatabase } from '@recant/test-support';
import { expect, test } from 'vitest';
import { BROKEN_KINDS, type BrokenKind } from './broken.ts';
import { playAll } from './campaign.ts';
import { createFailoverPlace, FAILOVERS_FROM } from './failover.ts';
import type { Outcome } from './judge.ts';
import { ALL_KINDS } from './kinds.ts';
import { createGround, createPlace, type Place } from './place.ts';
import { freshState } from './state.ts';

/** The sample of the default run: one history of most kinds, or what fits into this time. */
const SAMPLE_MS_MAX = 8_000;
const HISTORIES_MIN = 3;

test('I5: what an undo leaves is what the oracle computes from the recorded history, cell by cell', { timeout: 300_000 }, async () => {
  await using database = await testDatabase();
  const started = performance.now();
  const state = freshState(1);
  const { drop, ...ground } = await createGround({ adminUrl: database.ownerUrl });
  await playAll({
    places: 2,
    openPlace: () => createPlace(ground),
    state,
    seeds: Array.from({ length: ALL_KINDS.length }, (_, n) => 1 + n),
    goesOn: () => state.done.length < HISTORIES_MIN || performance.now() - started < SAMPLE_MS_MAX,
    onOutcome: async () => undefined,
  });
  await drop();
  expect(state.failures).toEqual([]);
  expect(state.done.length).toBeGreaterThanOrEqual(HISTORIES_MIN);
});

/** For each kind, until there was something to break. No history is played twice. */
const BROKEN_MAX = 6;

async function firstBroken(place: Place, kind: BrokenKind): Promise<readonly Outcome[]> {
  const from = 1 + BROKEN_KINDS.indexOf(kind) * BROKEN_MAX;
  for (let seed = from; seed < from + BROKEN_MAX; seed += 1) {
    const found = (await place.judge(seed, kind)).filter(({ isBroken }) => isBroken);
    if (found.length > 0) return found;
  }
  return [];
}

test('the oracle notices a product that is broken in any of these ways', { timeout: 300_000 }, async () => {
  await using database = await testDatabase();
  const { drop, ...ground } = await createGround({ adminUrl: database.ownerUrl });
  const place = await createPlace(ground);
  for (const kind of BROKEN_KINDS) {
    const found = await firstBroken(place, kind);
    expect([kind, found.map(({ mode, mismatches }) => [mode, mismatches.length > 0])]).toEqual([
      kind,
      found.map(({ mode }) => [mode, true]),
    ]);
    expect([kind, found.length > 0]).toEqual([kind, true]);
  }
  await place.close();
  await drop();
});

test('a lost tail stops every undo until a person adopts; after that nothing lost is in the way of one', {
  timeout: 300_000,
}, async () => {
  await using database = await testDatabase();
  const place = await createFailoverPlace(database.ownerUrl, { max_connections: '100' });
  for (const seed of [FAILOVERS_FROM, FAILOVERS_FROM + 1])
    expect((await place.judge(seed)).flatMap(({ mismatches }) => mismatches)).toEqual([]);
  await place.close();
});

const ORACLE = [
  'compare.ts',
  'dependents.ts',
  'elements.ts',
  'expect.ts',
  'kinds.ts',
  'mismatches.ts',
  'occurred.ts',
  'oracle.ts',
  'parts.ts',
  'play.ts',
  'random.ts',
  'record.ts',
  'schema.ts',
  'statements.ts',
];

/** Names of modules that an import or an export names. */
const importsOf = (text: string): string[] =>
  [...text.matchAll(/\bfrom '([^']+)'|\bimport\(?\s*'([^']+)'/g)].map(([, a, b]) => a ?? b ?? '');

test('the oracle reaches no product code: its imports are files of this folder, which import only node and pg', async () => {
  const files = await readdir(import.meta.dirname);
  const reached = new Set(['expect.ts', 'compare.ts', 'mismatches.ts', 'occurred.ts']);
  for (const file of reached) {
    for (const name of importsOf(await readFile(new URL(file, import.meta.url), 'utf8'))) {
      if (name.startsWith('./')) reached.add(name.slice(2));
      else expect([file, name]).toEqual([file, expect.stringMatching(/^(node:.*|pg)$/)]);
    }
  }
  expect(files).toEqual(expect.arrayContaining([...reached]));
  expect([...reached].sort()).toEqual(ORACLE);
});
