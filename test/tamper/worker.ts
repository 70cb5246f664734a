import { parentPort, workerData } from 'node:worker_threads';
import { Judges } from './judge.ts';
import { runRounds } from './rounds.ts';

/** Runs on a worker thread with its own JVM and posts the outcome of each bundle. */
const { seed, claimed } = workerData as { readonly seed: number; readonly claimed: Int32Array };
const judges = await Judges.open();
try {
  for await (const outcome of runRounds(judges, seed, () => Atomics.add(claimed, 0, 1))) parentPort?.postMessage(outcome);
} finally {
  await judges.close();
}
