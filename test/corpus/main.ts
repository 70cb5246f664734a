/**
 * `npm run test:corpus -- FOLDER [options]`: plays the sessions of a corpus as eight agents at once, through Kafka; then twenty seeded rollbacks, each
 * compared cell by cell with the harness's own record, which its own triggers write. Exits 1 on any mismatch. README.md describes a corpus folder.
 */
import { parseArgs } from 'node:util';
import { everyAttempt } from '@recant/client';
import { waitUntil } from '@recant/test-support';
import { type Corpus, readCorpus } from './corpus.ts';
import { readDatabase } from './recorder.ts';
import { drawSelections } from './selections.ts';
import { play } from './sessions.ts';
import { type Stage, setStage } from './stage.ts';
import { type Books, type Undone, undo } from './undo.ts';

const INGEST_MS_MAX = 60_000;
/** The last runs are rolled back themselves, which restores the agents' changes. */
const ROLLBACKS_OF_ROLLBACKS = 3;
const USAGE = `Usage: npm run test:corpus -- FOLDER [options]
  --definition FOLDER  schema.sql, tools and data loader, where the corpus folder has none (retail: test/corpus/retail)
  --seed N             draws the selections (default 1)
  --conflicts-min N    selections that must conflict (default 5)
  --clean-min N        selections that must not (default 5)`;
const log = (text: string): void => void process.stderr.write(`${text}\n`);

interface Options {
  readonly seed: number;
  readonly conflictsMin: number;
  readonly cleanMin: number;
}

async function main(): Promise<number> {
  const text = (value: string) => ({ type: 'string' as const, default: value });
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { seed: text('1'), 'conflicts-min': text('5'), 'clean-min': text('5'), definition: { type: 'string' } },
  });
  const [folder] = positionals;
  if (folder === undefined) {
    log(USAGE);
    return 2;
  }
  const options = { seed: Number(values.seed), conflictsMin: Number(values['conflicts-min']), cleanMin: Number(values['clean-min']) };
  const corpus = await readCorpus(folder, values.definition);
  const stage = await setStage(corpus, log);
  try {
    return await replayAndUndo(stage, corpus, options);
  } finally {
    await stage.stop();
  }
}

async function replayAndUndo(stage: Stage, corpus: Corpus, options: Options): Promise<number> {
  const start = await readDatabase(stage.db, stage.keys);
  const calls = (await Promise.all(stage.agents.map((agent) => play(agent, corpus, stage.target)))).flat();
  log(`${calls.length} calls played`);
  await allSettled(stage, calls.length);
  const books: Books = { start, calls, undone: new Set(), originals: new Map() };
  const undone: Undone[] = [];
  for (const drawn of drawSelections(calls, options.seed)) undone.push(await undo(stage, drawn, books));
  const runs = undone.flatMap(({ run }) => (run === undefined ? [] : [run])).slice(-ROLLBACKS_OF_ROLLBACKS);
  const again: Undone[] = [];
  for (const run of runs) again.push(await undo(stage, { title: `rollback of run ${run}`, selection: { runs: [run] } }, books));
  return report(stage, options, { sessions: corpus.sessions.length, attempts: calls.length, undone, again });
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
  readonly sessions: number;
  readonly attempts: number;
  readonly undone: readonly Undone[];
  readonly again: readonly Undone[];
}

async function report(stage: Stage, { seed, conflictsMin, cleanMin }: Options, played: Played): Promise<number> {
  const { sessions, attempts, undone, again } = played;
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
  if (figures.withConflict < conflictsMin || figures.withoutConflict < cleanMin) {
    log(
      `Expected at least ${conflictsMin} selections with and ${cleanMin} without conflict. Use another seed, or --conflicts-min and --clean-min.`,
    );
    return 1;
  }
  return figures.mismatches === 0 ? 0 : 1;
}

process.exitCode = await main();
