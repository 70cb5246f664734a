/**
 * npm run test:model [-- --histories N --real N --seed N --minutes N --only SEED --mode MODE --state FILE --fresh]: seeded histories in every mode, through the product's planner,
 * fold and runner over adapters in memory, compared cell by cell with an oracle that imports no product code; some of them also on a real PostgreSQL, with the same end. An
 * interrupted run goes on where it was. Exits 1 on a mismatch, if the time was too short, and where a whole run reached a possible cell of its table too seldom.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freshState } from '../histories/state.ts';
import { judge } from './judge.ts';
import { playOnPostgres } from './on-postgres.ts';
import { COUNT, count, failureText, IMPOSSIBLE_LINES, REAL_COUNT, realFailureText, tableOf, wrongCells } from './report.ts';
import { readState, type State, writeState } from './state.ts';
import { MODES } from './twist.ts';

const [PROGRESS_EVERY, REAL_PROGRESS_EVERY] = [1_000, 50];
const print = (text: string): boolean => process.stdout.write(`${text}\n`);

const OPTIONS = {
  histories: { type: 'string', default: String(COUNT) },
  real: { type: 'string' },
  seed: { type: 'string', default: '1' },
  minutes: { type: 'string', default: '60' },
  only: { type: 'string' },
  mode: { type: 'string' },
  state: { type: 'string', default: join(tmpdir(), 'recant-model.json') },
  fresh: { type: 'boolean', default: false },
} as const;

interface Run {
  readonly state: State;
  readonly path: string;
  readonly histories: number;
  readonly real: number;
  /** Since the start of this process. */
  readonly seconds: () => number;
  readonly goesOn: () => boolean;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.only !== undefined)
    return values.real === undefined ? replay(Number(values.only), values.mode) : replayReal(Number(values.only));
  const [histories, from, minutes] = [values.histories, values.seed, values.minutes].map(Number) as [number, number, number];
  const real = Number(values.real ?? (histories === COUNT ? REAL_COUNT : 0));
  const state = await readState(values.state, from, values.fresh);
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1_000);
  const run: Run = { state, path: values.state, histories, real, seconds, goesOn: () => seconds() < minutes * 60 };
  await inMemory(run);
  await onPostgres(run);
  return report(run);
}

async function inMemory({ state, path, histories, seconds, goesOn }: Run): Promise<void> {
  const { from } = state;
  for (let seed = state.next; seed < from + histories && goesOn(); seed += 1) {
    await judgeInto(state, seed);
    state.next = seed + 1;
    if ((state.next - from) % PROGRESS_EVERY > 0) continue;
    await writeState(path, state);
    print(`${state.next - from} of ${histories}, ${state.failures.length} mismatches, ${seconds()} s`);
  }
  await writeState(path, state);
}

async function judgeInto(state: State, seed: number): Promise<void> {
  const fail = (text: string): void => {
    state.failures.push(text);
    print(text);
  };
  try {
    for (const outcome of await judge(seed)) {
      count(state.counts, outcome);
      if (outcome.mismatches.length > 0) fail(failureText(outcome));
    }
  } catch (error) {
    fail(failureText({ seed, mode: undefined, mismatches: [(error as Error).stack ?? String(error)] }));
  }
}

async function onPostgres({ state, path, real: wanted, seconds, goesOn }: Run): Promise<void> {
  const { real, from } = state;
  if (real.done.length >= wanted || !goesOn()) return;
  let shown = real.failures.length;
  await playOnPostgres({
    seeds: Array.from({ length: wanted }, (_, n) => from + n),
    state: real,
    goesOn,
    async onOutcome() {
      for (const failure of real.failures.slice(shown)) print(realFailureText(failure));
      shown = real.failures.length;
      await writeState(path, state);
      if (real.done.length % REAL_PROGRESS_EVERY === 0)
        print(`${real.done.length} of ${wanted} on PostgreSQL, ${real.failures.length} mismatches, ${seconds()} s`);
    },
  });
}

function report({ state, path, histories, real: wanted, seconds }: Run): number {
  const { failures, real, counts, next, from } = state;
  const done = next - from;
  print(`\n${tableOf(counts)}\n\nNot possible:\n${IMPOSSIBLE_LINES.map((line) => `  ${line}`).join('\n')}`);
  const wrong = done >= COUNT ? wrongCells(counts) : [];
  for (const line of wrong) print(line);
  const all = [...failures, ...real.failures.map(realFailureText)];
  for (const text of all) print(text);
  print(
    `\n${done} of ${histories} histories, ${real.done.length} of ${wanted} on PostgreSQL too, ${all.length} mismatches, ${seconds()} s; state in ${path}`,
  );
  return all.length === 0 && wrong.length === 0 && done >= histories && real.done.length >= wanted ? 0 : 1;
}

/** All of one history, what the oracle expects, and what the product did. */
async function replay(seed: number, wanted: string | undefined): Promise<number> {
  const modes = MODES.filter((mode) => wanted === undefined || mode === wanted);
  if (modes.length === 0) {
    print(`--mode: expected one of ${MODES.join(', ')}, got "${wanted}"`);
    return 2;
  }
  const outcomes = await judge(seed, { modes, onEnd: print });
  for (const { mode, end, edges, mismatches } of outcomes)
    print(`${mode}: ${end} (${edges.join(', ')})${mismatches.map((text) => `\n  ${text}`).join('')}`);
  return outcomes.every(({ mismatches }) => mismatches.length === 0) ? 0 : 1;
}

async function replayReal(seed: number): Promise<number> {
  const state = freshState(seed);
  await playOnPostgres({ seeds: [seed], state, goesOn: () => true, onOutcome: async () => undefined });
  for (const failure of state.failures) print(realFailureText(failure));
  return state.failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
