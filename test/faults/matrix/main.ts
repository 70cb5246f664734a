/**
 * npm run test:faults:matrix [-- --runs N --seed N --only N,N --workers N --minutes N --state FILE --fresh --logs FOLDER]: see README.md in this folder's parent.
 * Exits with 1 if a run found a problem, or not all were played.
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { playAll, readState } from './campaign.ts';
import { failureText, figuresText, tableOf } from './report.ts';
import type { Stages } from './stopwatch.ts';

const print = (text: string): boolean => process.stdout.write(`${text}\n`);

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '224' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    workers: { type: 'string', default: '3' },
    minutes: { type: 'string', default: '120' },
    state: { type: 'string', default: join(tmpdir(), 'recant-faults.json') },
    logs: { type: 'string' },
    fresh: { type: 'boolean', default: false },
  },
});
const [seed, count, workers, minutes] = [values.seed, values.runs, values.workers, values.minutes].map(Number) as [
  number,
  number,
  number,
  number,
];
const only = values.only?.split(',').map(Number);
const state = values.fresh || only !== undefined ? { seed, results: [] } : await readState(values.state, seed);
const runs = only ?? Array.from({ length: count }, (_, n) => n);
const started = performance.now();
const earlier = state.results.length;
/** The volumes are unmounted at the end: an interrupt lets the running runs end first. */
let isInterrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    isInterrupted = true;
  });
await playAll({
  seed,
  runs,
  workers,
  state,
  logs: values.logs,
  ...(only === undefined ? { file: values.state } : {}),
  goesOn: () => !isInterrupted && performance.now() - started < minutes * 60_000,
  onResult(result) {
    const { problems, cell, run, figures, stages } = result;
    const minute = ((performance.now() - started) / 60_000).toFixed(1);
    print(
      `${minute} min, ${state.results.length} of ${runs.length}: ${cell} (${run.way}) ${problems.length === 0 ? 'held' : 'FAILED'}, others waited ${figures.othersAcknowledged} of ${figures.limit} ms, took ${secondsOf(stages)} s`,
    );
    if (problems.length > 0) print(failureText(seed, result));
  },
});
print(`\n${tableOf(state.results)}\n\n${figuresText(state.results)}\n`);
const played = state.results.length - earlier;
const [minutesTaken, cpu] = [(performance.now() - started) / 60_000, await cpuSeconds()];
print(
  `${played} runs in ${minutesTaken.toFixed(1)} minutes; ${Math.round(cpu / Math.max(1, played))} s of CPU a run, all processes together`,
);
const failures = state.results.filter(({ problems }) => problems.length > 0);
for (const failure of failures) print(failureText(seed, failure));
print(
  `${state.results.length} of ${runs.length} runs, ${failures.length} with problems${only === undefined ? `; state in ${values.state}` : ''}`,
);
// kafkajs keeps sockets of lost connections.
process.exit(failures.length === 0 && state.results.length >= runs.length ? 0 : 1);

function secondsOf(stages: Stages): number {
  return Math.round(Object.values(stages).reduce((sum, seconds) => sum + seconds, 0));
}

/** Of this process and of all that it started and that have ended. */
async function cpuSeconds(): Promise<number> {
  const fields = (await readFile('/proc/self/stat', 'utf8')).replace(/^.*\)/, '').trim().split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}
