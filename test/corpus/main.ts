/**
 * `npm run test:corpus -- FOLDER [--seed N]`: the retail sessions as eight agents at once, through Kafka; then twenty seeded rollbacks, each compared
 * cell by cell with what the harness recorded by triggers of its own. Exits 1 on any mismatch.
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
import { type Undone, undo } from './undo.ts';

const INGEST_MS_MAX = 60_000;
const OF_EACH_KIND_MIN = 5;
const tell = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string', default: '1' } } });
  const [folder] = positionals;
  if (folder === undefined) {
    tell('Usage: npm run test:corpus -- FOLDER [--seed N]   (FOLDER holds db.json and sessions.ndjson)');
    return 2;
  }
  const data = JSON.parse(await readFile(join(folder, 'db.json'), 'utf8'));
  const sessions = (await readFile(join(folder, 'sessions.ndjson'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Session);
  const stage = await setStage(data, sessions, tell);
  try {
    return await replayAndUndo(stage, sessions.length, Number(values.seed));
  } finally {
    await stage.stop();
  }
}

async function replayAndUndo(stage: Stage, sessions: number, seed: number): Promise<number> {
  const start = await readDatabase(stage.db);
  const calls = (await Promise.all(stage.agents.map((agent) => play(agent, stage.shop)))).flat();
  tell(`${calls.length} calls played`);
  await allSettled(stage, calls.length);
  const undone: Undone[] = [];
  const actions = new Set<string>();
  for (const drawn of drawSelections(calls, seed)) {
    const result = await undo(stage, drawn, calls, start, actions);
    undone.push(result);
    tell(
      `${result.title}: ${result.steps} steps, ${result.conflicts} conflicts, ${result.restored} undone, ${result.mismatches.length} mismatches`,
    );
  }
  return report(stage, sessions, calls.length, undone, seed);
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

async function report(stage: Stage, sessions: number, attempts: number, undone: readonly Undone[], seed: number): Promise<number> {
  const sum = (of: (one: Undone) => number): number => undone.reduce((total, one) => total + of(one), 0);
  const effects =
    (await stage.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM harness.change WHERE call IS NOT NULL`)).rows[0]?.n ?? 0;
  const withConflict = undone.filter((one) => one.conflicts > 0).length;
  const mismatches = sum((one) => one.mismatches.length);
  for (const { title, mismatches: cells } of undone)
    for (const { cell, expected, found } of cells.slice(0, 5)) tell(`${title}: ${cell} is ${found}, not ${expected}`);
  process.stdout.write(
    `${JSON.stringify({ seed, sessions, attempts, effects, plans: undone.length, withConflict, withoutConflict: undone.length - withConflict, steps: sum((one) => one.steps), undone: sum((one) => one.restored), conflicts: sum((one) => one.conflicts), mismatches })}\n`,
  );
  if (withConflict < OF_EACH_KIND_MIN || undone.length - withConflict < OF_EACH_KIND_MIN) {
    tell(`This seed gives fewer than ${OF_EACH_KIND_MIN} selections with, or without, conflict: choose another.`);
    return 1;
  }
  return mismatches === 0 ? 0 : 1;
}

process.exitCode = await main();
