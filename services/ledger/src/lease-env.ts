import { LEASE_MS, LEASE_MS_MAX, LEASE_MS_MIN } from '@recant/api';
import { z } from 'zod';

const RANGE = `must be a whole number of milliseconds from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}`;

/** How long agents may go on without an answer of the ledger. */
export const LEASE_ENV = {
  /** Length of a recorder's lease: the longest time from the order of a freeze to its effect. */
  RECANT_AGENT_LEASE_MS: z.coerce.number(RANGE).int(RANGE).min(LEASE_MS_MIN, RANGE).max(LEASE_MS_MAX, RANGE).default(LEASE_MS),
} as const;
