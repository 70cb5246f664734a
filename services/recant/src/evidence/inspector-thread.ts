import { parentPort } from 'node:worker_threads';
import { createInspector, type EventBatch } from '@recant/verifier';

const inspect = createInspector();

/** What runs on the other thread: one batch in, one inspection out, in order. */
parentPort?.on('message', (batch: EventBatch) => {
  const inspection = inspect(batch);
  parentPort?.postMessage(inspection, [inspection.facts.buffer as ArrayBuffer]);
});
