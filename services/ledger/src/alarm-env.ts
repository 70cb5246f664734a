import { ACTION_ROWS } from '@recant/store';
import { z } from 'zod';

/** What is an alarm. */
export const ALARM_ENV = {
  /** Rows and files above which one action is an alarm. The index that finds such actions starts at 1,000. */
  RECANT_ALARM_ROWS: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1_000, 'must be at least 1000')
    .default(ACTION_ROWS),
} as const;
