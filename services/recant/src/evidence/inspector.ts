import { Worker } from 'node:worker_threads';
import { createInspector, type EventBatch, type Inspection, type Inspector } from '@recant/verifier';

interface Waiting {
  resolve(inspection: Inspection): void;
  reject(cause: Error): void;
}

/** Batches on their way to the other thread; with more, this one looks at the next itself. */
const AHEAD_MAX = 2;

/** Looks at events on a second thread, while this one hashes. Started with the first batch. */
export function threadInspector(): { readonly inspect: Inspector } & AsyncDisposable {
  let worker: Worker | undefined;
  const waiting: Waiting[] = [];
  const own = createInspector();
  let failure: Error | undefined;
  const fail = (cause: Error): void => {
    failure ??= cause;
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  const start = (): Worker => {
    const started = new Worker(new URL('./inspector-thread.ts', import.meta.url));
    started.on('message', (inspection: Inspection) => waiting.shift()?.resolve(inspection));
    started.on('error', (cause) => fail(cause as Error));
    started.on('exit', () => fail(new Error('the thread that looks at events ended')));
    return started;
  };
  return {
    inspect(batch: EventBatch) {
      if (failure !== undefined) throw failure;
      if (waiting.length >= AHEAD_MAX) return own(batch);
      worker ??= start();
      worker.postMessage(batch, [batch.bytes.buffer as ArrayBuffer]);
      return new Promise<Inspection>((resolve, reject) => {
        waiting.push({ resolve, reject });
      });
    },
    async [Symbol.asyncDispose]() {
      await worker?.terminate();
    },
  };
}
