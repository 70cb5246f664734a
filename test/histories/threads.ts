import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { BrokenKind } from './broken.ts';
import type { Outcome } from './judge.ts';
import type { Ground, Place } from './place.ts';

export interface ThreadData {
  readonly ground: Ground;
  readonly explains: boolean;
  readonly broken: BrokenKind | undefined;
}
export type Order = { readonly do: 'judge'; readonly seed: number } | { readonly do: 'close' };
export interface Answer {
  readonly outcomes: readonly Outcome[];
  readonly said: readonly string[];
  readonly error?: Error;
}

/** @param print gets what a history says of itself */
export async function openThread(data: ThreadData, print: (text: string) => unknown): Promise<Place> {
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: data });
  const next = async (): Promise<readonly Outcome[]> => {
    const [{ outcomes, said, error }] = (await once(worker, 'message')) as [Answer];
    for (const text of said) print(text);
    if (error) throw error;
    return outcomes;
  };
  const ask = (order: Order) => {
    const answer = next();
    worker.postMessage(order);
    return answer;
  };
  await next();
  return {
    judge: (seed) => ask({ do: 'judge', seed }),
    async close() {
      const exited = once(worker, 'exit');
      await ask({ do: 'close' });
      await exited;
    },
  };
}
