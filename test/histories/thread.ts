/** A place in a thread of its own: histories of one process would wait for each other. Started by \`threads.ts\`. */
import { parentPort, workerData } from 'node:worker_threads';
import { createPlace } from './place.ts';
import type { Answer, Order, ThreadData } from './threads.ts';

const { ground, explains, broken } = workerData as ThreadData;
const said: string[] = [];
const place = await createPlace(ground, explains ? { onEnd: (text) => void said.push(text) } : {});
const answer = (message: Answer): void => parentPort?.postMessage(message);

parentPort?.on('message', async (order: Order) => {
  try {
    if (order.do === 'close') {
      await place.close();
      answer({ outcomes: [], said: [] });
      parentPort?.close();
    } else answer({ outcomes: await place.judge(order.seed, broken), said: said.splice(0) });
  } catch (error) {
    answer({ outcomes: [], said: [], error: error as Error });
  }
});
answer({ outcomes: [], said: [] });
