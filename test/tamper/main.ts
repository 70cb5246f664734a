/**
 * npm run test:tamper [-- seed]: both verifiers against every kind of tampering at every size, 10,000 edits of one byte, 1,000 sound ledgers.
 * Exits with 1 where a bundle was missed or broke an unexpected rule, or where the verifiers disagree.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Report } from './report.ts';

/** A worker needs memory for a few bundles of 35 MB and a JVM. */
const WORKERS_MAX = 4;
const PROGRESS_MS = 10_000;

const seed = Number(process.argv[2] ?? '1');
const workers = Math.min(WORKERS_MAX, availableParallelism());
const started = performance.now();
const seconds = (): string => `${((performance.now() - started) / 1_000).toFixed(0)} s`;
const print = (text: string): boolean => process.stdout.write(`${text}\n`);
const report = new Report();
let printed = started;

function runWorker(claimed: Int32Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { seed, claimed } });
    worker.on('message', (outcome) => {
      report.add(outcome);
      if (performance.now() - printed < PROGRESS_MS) return;
      printed = performance.now();
      print(`${report.progress()}, ${seconds()}`);
    });
    worker.on('error', reject);
    worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker exited with code ${code}`))));
  });
}

print(`seed ${seed}, ${workers} workers`);
const claimed = new Int32Array(new SharedArrayBuffer(4));
await Promise.all(Array.from({ length: workers }, () => runWorker(claimed)));

print(`\n${report.tables()}\n`);
const failures = report.failures();
for (const failure of failures) print(failure);
print(
  failures.length === 0
    ? `all bundles caught and named, verifiers agree, no false alarms: ${seconds()}`
    : `${failures.length} failures: ${seconds()}`,
);
process.exitCode = failures.length === 0 ? 0 : 1;
