import { COUNT_MAX, NAME_BYTES_MAX, SHARDS_MAX } from '@recant/events';
import { z } from 'zod';

/** A limit in characters; the event guard enforces the limit in UTF-8 bytes. */
export const name = z.string().min(1).max(NAME_BYTES_MAX);
export const names = z.array(name).max(100).optional();
/** JSON number: an index stays far below 2^53. */
export const index = z.int().min(0);
export const shard = z
  .int()
  .min(0)
  .max(SHARDS_MAX - 1);
/** Number of an attempt or of a step, as wide as its column. */
export const ordinal = z.int().min(1).max(COUNT_MAX);
export const instant = z.string().meta({ description: 'ISO 8601 in UTC with milliseconds.', example: '2026-03-01T14:00:00.000Z' });
