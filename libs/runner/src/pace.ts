import type { Clock } from './ports.ts';

/** Spreads the changes of a run over time, on average; a step is never split. */
export interface Pace {
  /** Rows and files of one batch. */
  readonly batchRows: number;
  /** Milliseconds until the next batch may start. */
  waitMs(): number;
  /** A batch starts. @param rows rows and files that it changes */
  started(rows: number): void;
}

/** @param rowsPerSecond undefined: no limit */
export function createPace(rowsPerSecond: number | undefined, clock: Pick<Clock, 'now'>): Pace {
  if (rowsPerSecond === undefined) return { batchRows: Number.POSITIVE_INFINITY, waitMs: () => 0, started: () => undefined };
  let freeMs = clock.now();
  return {
    batchRows: rowsPerSecond,
    waitMs: () => Math.max(0, freeMs - clock.now()),
    started(rows) {
      freeMs = Math.max(freeMs, clock.now()) + (rows / rowsPerSecond) * 1_000;
    },
  };
}
