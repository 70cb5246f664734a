import { type TransferListItem, Worker } from 'node:worker_threads';
import type { BatchResult, EventBatch, EventCheck, Findings } from '@recant/verifier';

export type Question = { readonly check: EventBatch } | { readonly finish: ReadonlySet<number> };
/** Answers come in the order of the questions. */
export type Answer = { readonly result: BatchResult | Findings } | { readonly failed: Error };

interface Waiting {
  resolve(result: unknown): void;
  reject(cause: Error): void;
}

/** Checks events on a second thread while this one hashes the trees. The thread starts with the first batch and has its own scratch file. */
export function threadedEventCheck(): EventCheck & AsyncDisposable {
  const waiting: Waiting[] = [];
  let worker: Worker | undefined;
  let failure: Error | undefined;
  const fail = (cause: Error): void => {
    failure ??= cause;
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  const start = (): Worker => {
    const started = new Worker(new URL('./event-worker.ts', import.meta.url));
    started.on('message', (answer: Answer) => ('failed' in answer ? fail(answer.failed) : waiting.shift()?.resolve(answer.result)));
    started.on('error', (cause) => fail(cause as Error));
    started.on('exit', () => fail(new Error('the event-check thread exited')));
    return started;
  };
  const ask = async (question: Question, transfer: TransferListItem[] = []): Promise<unknown> => {
    if (failure !== undefined) throw failure;
    worker ??= start();
    worker.postMessage(question, transfer);
    return await new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
    });
  };
  return {
    checkBatch: async (batch) => (await ask({ check: batch }, [batch.bytes.buffer])) as BatchResult,
    finish: async (partial) => (await ask({ finish: partial })) as Findings,
    async [Symbol.asyncDispose]() {
      await worker?.terminate();
    },
  };
}
