import { COUNT_MAX, isReason, NAME_BYTES_MAX, REASON_BYTES_MAX, SHARDS_MAX } from '@recant/events';
import { z } from 'zod';

/** A limit in characters; the event guard enforces the limit in UTF-8 bytes. */
export const name = z.string().min(1).max(NAME_BYTES_MAX);
export const names = z.array(name).max(100).optional();
/** Why somebody acts; recorded permanently. */
export const reason = z
  .string()
  .min(1)
  .max(REASON_BYTES_MAX)
  .refine(isReason, `expected 1 to ${REASON_BYTES_MAX} bytes of UTF-8 without control characters`)
  .meta({ description: 'Reason, as free text. It is recorded permanently.' });
/** JSON number: an index stays far below 2^53. */
export const index = z.int().min(0);
export const shard = z
  .int()
  .min(0)
  .max(SHARDS_MAX - 1);
/** Number of an attempt or of a step, as wide as its column. */
export const ordinal = z.int().min(1).max(COUNT_MAX);
export const instant = z.string().meta({ description: 'ISO 8601 in UTC with milliseconds.', example: '2026-03-01T14:00:00.000Z' });
