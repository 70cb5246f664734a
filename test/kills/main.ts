/**
 * npm run test:kills [-- --runs N --seed N --only N,N --workers N --minutes N --crashes STEPS --state FILE --fresh]: see README.md. Exits with 1 if a run found a problem, or
 * not all were played.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serveTestServers } from '@recant/test-support/servers';
import { crashEverywhere } from './crashes.ts';
import { cellOf, runOf } from './plan.ts';
import { failureText, play, type Result } from './play.ts';
import { tableOf } from './report.ts';
import { openWorld } from './world.ts';

const print = (text: string): boolean => process.stdout.write(`${text}\n`);
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    workers: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '120' },
    crashes: { type: 'string', default: '200' },
    state: { type: 'string', default: join(tmpdir(), 'recant-kills.json') },
    fresh: { type: 'boolean', default: false },
  },
});
const [seed, count, workers, minutes, crashSteps] = [values.seed, values.runs, values.workers, values.minutes, values.crashes].map(
  Number,
) as [number, number, number, number, number];
const only = values.only?.split(',').map(Number);
const wanted = only ?? Array.from({ length: count }, (_, n) => n);

interface State {
  readonly seed: number;
  readonly results: Result[];
}
async function readState(): Promise<State> {
  const text = values.fresh || only !== undefined ? undefined : await readFile(values.state, 'utf8').catch(() => undefined);
  const state = text === undefined ? undefined : (JSON.parse(text) as State);
  return state?.seed === seed ? state : { seed, results: [] };
}
const state = await readState();
const started = performance.now();
const goesOn = (): boolean => performance.now() - started < minutes * 60_000;
const servers = await serveTestServers();
const known = new Set(state.results.map(({ n }) => n));
const queue = wanted.filter((n) => !known.has(n));
let isCrashed = only === undefined && crashSteps > 0;
let problems = 0;

async function crash(): Promise<void> {
  await using world = await openWorld();
  for (const batchSteps of [1, 12]) {
    const from = performance.now();
    const crashed = await crashEverywhere(world, {
      seed: seed * 10 + batchSteps,
      steps: crashSteps,
      systems: 'both',
      mode: 'skip',
      batchSteps,
    });
    const seconds = Math.round((performance.now() - from) / 1_000);
    print(
      `crashed ${crashed.crashes} times in a run of ${crashSteps} steps, ${batchSteps} at once: ${crashed.problems.length} problems, ${seconds} s`,
    );
    for (const problem of crashed.problems) print(`  ${problem}`);
    problems += crashed.problems.length;
  }
}

/** Histories on one world: its ledger is verified after each. */
const RUNS_A_WORLD = 12;
async function work(): Promise<void> {
  if (isCrashed) {
    isCrashed = false;
    await crash();
  }
  while (queue.length > 0 && goesOn()) {
    await using world = await openWorld();
    for (let n = 0; n < RUNS_A_WORLD && queue.length > 0 && goesOn(); n += 1) await playNext(world, queue.shift() as number);
  }
}

async function playNext(world: Awaited<ReturnType<typeof openWorld>>, n: number): Promise<void> {
  const result = await play(world, runOf(seed, n));
  state.results.push(result);
  print(
    `${state.results.length} of ${wanted.length}: ${cellOf(result.run)} ${result.problems.length === 0 ? 'held' : 'FAILED'}, ${result.seconds} s`,
  );
  if (result.problems.length > 0) print(failureText(seed, result));
  if (only !== undefined) return;
  await writeFile(`${values.state}.new`, JSON.stringify(state));
  await rename(`${values.state}.new`, values.state);
}

await Promise.all(Array.from({ length: workers }, work));
await servers.stop();
print(`\n${tableOf(state.results)}\n`);
const failures = state.results.filter((result) => result.problems.length > 0);
for (const failure of failures) print(failureText(seed, failure));
print(
  `${state.results.length} of ${wanted.length} runs, ${failures.length} with problems; ${Math.round((performance.now() - started) / 60_000)} minutes`,
);
process.exit(failures.length === 0 && problems === 0 && state.results.length >= wanted.length ? 0 : 1);
