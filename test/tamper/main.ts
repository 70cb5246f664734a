/**
 * npm run test:tamper [-- seed]: both verifiers against every kind of tampering at every size, 10,000 edits of one byte, 1,000 sound ledgers.
 * Ends with 1 where anything was missed, was called by another name than expected, or where the two do not agree.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Report } from './report.ts';

/** A lane holds a few bundles of 35 MB, and a JVM. */
const LANES_MAX = 4;
const PROGRESS_MS = 10_000;

const seed = Number(process.argv[2] ?? '1');
const lanes = Math.min(LANES_MAX, availableParallelism());
const started = performance.now();
const seconds = (): string => `${((performance.now() - started) / 1_000).toFixed(0)} s`;
const print = (text: string): boolean => process.stdout.write(`${text}\n`);
const report = new Report();
let told = started;

function runLane(taken: Int32Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./lane.ts', import.meta.url), { workerData: { seed, taken } });
    worker.on('message', (outcome) => {
      report.add(outcome);
      if (performance.now() - told < PROGRESS_MS) return;
      told = performance.now();
      print(`${report.progress()}, ${seconds()}`);
    });
    worker.on('error', reject);
    worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a lane ended with ${code}`))));
  });
}

print(`seed ${seed}, ${lanes} lanes`);
const taken = new Int32Array(new SharedArrayBuffer(4));
await Promise.all(Array.from({ length: lanes }, () => runLane(taken)));

print(`\n${report.tables()}\n`);
const complaints = report.complaints();
for (const complaint of complaints) print(complaint);
print(complaints.length === 0 ? `all caught, named alike, no false alarm: ${seconds()}` : `${complaints.length} complaints, ${seconds()}`);
process.exitCode = complaints.length === 0 ? 0 : 1;
