import type { Clock } from './ports.ts';

/** Spreads the changes of a run over time, on average, whichever workers drive it; a step is never split. */
export interface Pace {
  /** Rows and files of one batch. */
  readonly batchRows: number;
  /** Milliseconds until the next batch may start. */
  waitMs(): number;
  /** A batch starts. @param rows rows and files that it changes */
  started(rows: number): void;
}

/** @param rowsPerSecond undefined: no limit @param afterMs milliseconds for which earlier workers have used up the rate */
export function createPace(rowsPerSecond: number | undefined, clock: Pick<Clock, 'now'>, afterMs = 0): Pace {
  if (rowsPerSecond === undefined) return { batchRows: Number.POSITIVE_INFINITY, waitMs: () => 0, started: () => undefined };
  let freeMs = clock.now() + afterMs;
  return {
    batchRows: rowsPerSecond,
    waitMs: () => Math.max(0, freeMs - clock.now()),
    started(rows) {
      freeMs = Math.max(freeMs, clock.now()) + (rows / rowsPerSecond) * 1_000;
    },
  };
}
