import { createLanes } from './lanes.ts';

/** So much at once, and of those who wait each lane in turn: whoever has much to do keeps nobody waiting behind all of it. */
export interface Turns {
  run<T>(lane: string, work: () => Promise<T>): Promise<T>;
}

/** @param perLane what one lane may have at once: below `atOnce`, no lane keeps the others out by being slow. */
export function createTurns(atOnce: number, perLane = atOnce): Turns {
  const waiting = createLanes<() => void>();
  const running = new Map<string, number>();
  let all = 0;
  const count = (lane: string, change: 1 | -1): void => {
    all += change;
    running.set(lane, (running.get(lane) ?? 0) + change);
    if (running.get(lane) === 0) running.delete(lane);
  };
  const may = (lane: string): boolean => all < atOnce && (running.get(lane) ?? 0) < perLane;
  return {
    async run(lane, work) {
      if (may(lane)) count(lane, 1);
      else await new Promise<void>((start) => waiting.add(lane, start));
      try {
        return await work();
      } finally {
        count(lane, -1);
        // The place is counted before it is used: nobody takes it in between.
        const next = waiting.take(may);
        if (next) {
          count(next.lane, 1);
          next.item();
        }
      }
    },
  };
}
