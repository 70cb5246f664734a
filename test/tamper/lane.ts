import { parentPort, workerData } from 'node:worker_threads';
import { Judges } from './judge.ts';
import { runRounds } from './rounds.ts';

/** What runs on a thread of its own, with a JVM of its own: bundles as they are judged. */
const { seed, taken } = workerData as { readonly seed: number; readonly taken: Int32Array };
const judges = await Judges.open();
try {
  for await (const outcome of runRounds(judges, seed, () => Atomics.add(taken, 0, 1))) parentPort?.postMessage(outcome);
} finally {
  await judges.close();
}
