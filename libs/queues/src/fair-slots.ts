import { createFairQueue } from './fair-queue.ts';

/** Runs a limited number of tasks at once. Waiting tasks start round-robin by name, so that one busy name cannot delay the others. */
export interface FairSlots {
  run<T>(name: string, task: () => Promise<T>): Promise<T>;
}

/** @param perNameMax tasks that one name may run at once; below `slotsMax`, slow tasks of one name never use every slot. */
export function createFairSlots(slotsMax: number, perNameMax = slotsMax): FairSlots {
  const waiting = createFairQueue<() => void>();
  const runningByName = new Map<string, number>();
  let running = 0;
  const count = (name: string, change: 1 | -1): void => {
    running += change;
    runningByName.set(name, (runningByName.get(name) ?? 0) + change);
    if (runningByName.get(name) === 0) runningByName.delete(name);
  };
  const mayStart = (name: string): boolean => running < slotsMax && (runningByName.get(name) ?? 0) < perNameMax;
  return {
    async run(name, task) {
      if (mayStart(name)) count(name, 1);
      else await new Promise<void>((start) => waiting.add(name, start));
      try {
        return await task();
      } finally {
        count(name, -1);
        // The slot is counted before the waiting task starts, so that no other call can take it in between.
        const next = waiting.take(mayStart);
        if (next) {
          count(next.name, 1);
          next.item();
        }
      }
    },
  };
}
