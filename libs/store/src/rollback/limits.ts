import type { RunLimits } from '@recant/runner';

export interface LimitsRow {
  readonly deadline_at: Date | null;
  readonly rows_per_second: number | null;
}

export const limitsOf = ({ deadline_at, rows_per_second }: LimitsRow): RunLimits => ({
  ...(deadline_at && { deadlineAtMs: deadline_at.getTime() }),
  ...(rows_per_second !== null && { rowsPerSecond: rows_per_second }),
});
