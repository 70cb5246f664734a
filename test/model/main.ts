/**
 * npm run test:model [-- --histories N --seed N --minutes N --only SEED --mode MODE --state FILE --fresh]: seeded histories in every mode, through the product's planner, fold and
 * runner over adapters in memory, compared cell by cell with an oracle that imports no product code. An interrupted run goes on where it was. Exits 1 on a mismatch,
 * if the time was too short, and where a whole run reached a possible cell of its table too seldom.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { judge } from './judge.ts';
import { COUNT, count, failureText, IMPOSSIBLE_LINES, tableOf, wrongCells } from './report.ts';
import { readState, type State, writeState } from './state.ts';
import { MODES } from './twist.ts';

const PROGRESS_EVERY = 1_000;
const print = (text: string): boolean => process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      histories: { type: 'string', default: String(COUNT) },
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '30' },
      only: { type: 'string' },
      mode: { type: 'string' },
      state: { type: 'string', default: join(tmpdir(), 'recant-model.json') },
      fresh: { type: 'boolean', default: false },
    },
  });
  if (values.only !== undefined) return replay(Number(values.only), values.mode);
  const [histories, from, minutes] = [values.histories, values.seed, values.minutes].map(Number) as [number, number, number];
  const state = await readState(values.state, from, values.fresh);
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1_000);
  for (let seed = state.next; seed < from + histories && seconds() < minutes * 60; seed += 1) {
    await judgeInto(state, seed);
    state.next = seed + 1;
    if ((state.next - from) % PROGRESS_EVERY > 0) continue;
    await writeState(values.state, state);
    print(`${state.next - from} of ${histories}, ${state.failures.length} mismatches, ${seconds()} s`);
  }
  await writeState(values.state, state);
  const done = state.next - from;
  print(`\n${tableOf(state.counts)}\n\nNot possible:\n${IMPOSSIBLE_LINES.map((line) => `  ${line}`).join('\n')}`);
  const wrong = done >= COUNT ? wrongCells(state.counts) : [];
  for (const line of wrong) print(line);
  print(`\n${done} of ${histories} histories, ${state.failures.length} mismatches, ${seconds()} s; state in ${values.state}`);
  return state.failures.length === 0 && wrong.length === 0 && done >= histories ? 0 : 1;
}

async function judgeInto(state: State, seed: number): Promise<void> {
  try {
    for (const outcome of await judge(seed)) {
      count(state.counts, outcome);
      if (outcome.mismatches.length > 0) fail(state, failureText(outcome));
    }
  } catch (error) {
    fail(state, failureText({ seed, mode: 'refuse', mismatches: [(error as Error).stack ?? String(error)] }));
  }
}

function fail(state: State, text: string): void {
  state.failures.push(text);
  print(text);
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

process.exitCode = await main();
