/**
 * `npm run test:corpus -- FOLDER [--seed N]`: plays the retail sessions as eight agents at once, through Kafka; then twenty seeded rollbacks, each compared
 * cell by cell with the harness's own record, which its own triggers write. Exits 1 on any mismatch.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { everyAttempt } from '@recant/client';
import { waitUntil } from '@recant/test-support';
import { readDatabase } from './recorder.ts';
import { drawSelections } from './selections.ts';
import { play, type Session } from './sessions.ts';
import { type Stage, setStage } from './stage.ts';
import { type Books, type Undone, undo } from './undo.ts';

const INGEST_MS_MAX = 60_000;
const OF_EACH_KIND_MIN = 5;
/** The last runs are rolled back themselves, which restores the agents' changes. */
const ROLLBACKS_OF_ROLLBACKS = 3;
const log = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string', default: '1' } } });
  const [folder] = positionals;
  if (folder === undefined) {
    log('Usage: npm run test:corpus -- FOLDER [--seed N]   (FOLDER contains db.json and sessions.ndjson)');
    return 2;
  }
  const data = JSON.parse(await readFile(join(folder, 'db.json'), 'utf8'));
  const sessions = (await readFile(join(folder, 'sessions.ndjson'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Session);
  const stage = await setStage(data, sessions, log);
  try {
    return await replayAndUndo(stage, sessions.length, Number(values.seed));
  } finally {
    await stage.stop();
  }
}

async function replayAndUndo(stage: Stage, sessions: number, seed: number): Promise<number> {
  const start = await readDatabase(stage.db);
  const calls = (await Promise.all(stage.agents.map((agent) => play(agent, stage.shop)))).flat();
  log(`${calls.length} calls played`);
  await allSettled(stage, calls.length);
  const books: Books = { start, calls, undone: new Set(), originals: new Map() };
  const undone: Undone[] = [];
  for (const drawn of drawSelections(calls, seed)) undone.push(await undo(stage, drawn, books));
  const runs = undone.flatMap(({ run }) => (run === undefined ? [] : [run])).slice(-ROLLBACKS_OF_ROLLBACKS);
  const again: Undone[] = [];
  for (const run of runs) again.push(await undo(stage, { title: `rollback of run ${run}`, selection: { runs: [run] } }, books));
  return report(stage, { seed, sessions, attempts: calls.length, undone, again });
}

/** Kafka acknowledges before the ledger commits: waits until every call is settled there. */
async function allSettled(stage: Stage, calls: number): Promise<void> {
  await waitUntil(
    async () => {
      let settled = 0;
      for await (const attempt of everyAttempt(stage.operator, {})) if (attempt.status !== 'open') settled++;
      return settled >= calls;
    },
    { timeoutMs: INGEST_MS_MAX, what: 'every call to be settled in the ledger' },
  );
}

interface Played {
  readonly seed: number;
  readonly sessions: number;
  readonly attempts: number;
  readonly undone: readonly Undone[];
  readonly again: readonly Undone[];
}

async function report(stage: Stage, { seed, sessions, attempts, undone, again }: Played): Promise<number> {
  const all = [...undone, ...again];
  for (const one of all) {
    log(`${one.title}: ${one.conflicts} conflicts, ${one.steps} steps, ${one.undone} undone, ${one.mismatches.length} mismatches`);
    for (const { cell, expected, found } of one.mismatches.slice(0, 5)) log(`  ${cell} is ${found}, not ${expected}`);
  }
  const sum = (of: (one: Undone) => number): number => all.reduce((total, one) => total + of(one), 0);
  const { rows } = await stage.db.query<{ effects: number }>('SELECT count(*)::int AS effects FROM harness.change WHERE call IS NOT NULL');
  const withConflict = undone.filter((one) => one.conflicts > 0).length;
  const figures = {
    ...{
      seed,
      sessions,
      attempts,
      effects: rows[0]?.effects ?? 0,
      plans: all.length,
      withConflict,
      withoutConflict: undone.length - withConflict,
    },
    ...{ rollbacksOfRollbacks: again.length, steps: sum((one) => one.steps), conflicts: sum((one) => one.conflicts) },
    mismatches: sum((one) => one.mismatches.length),
  };
  for (const [name, value] of Object.entries(figures)) process.stdout.write(`${name.padEnd(20)} ${value}\n`);
  if (Math.min(figures.withConflict, figures.withoutConflict) < OF_EACH_KIND_MIN) {
    log(`This seed gives fewer than ${OF_EACH_KIND_MIN} selections with a conflict, or fewer without: choose another seed.`);
    return 1;
  }
  return figures.mismatches === 0 ? 0 : 1;
}

process.exitCode = await main();
