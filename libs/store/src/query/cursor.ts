import { TIME_MS_MAX } from '@recant/events';
import type { Vector } from '@recant/planner';
import { StoreError } from '../error.ts';

/** Position in a list and the list's snapshot: later pages do not show attempts appended after the first page. Opaque to callers. */
export interface Cursor {
  readonly vector: Vector;
  /** Entries below it were listed before; absent for a list from the beginning. */
  readonly since?: Vector;
  /** Last row of the previous page: (received_at in ms, shard, idx). */
  readonly after?: readonly [number, number, string];
}

/** Characters of a cursor: enough for 4,096 shards with 20 digits each. */
const CURSOR_LENGTH_MAX = 262_144;
/** Limits of the columns: smallint, and times that JavaScript and PostgreSQL both represent. */
export const SHARD_MAX = 32_767;

export function formatCursor({ vector, since, after }: Cursor): string {
  return Buffer.from(JSON.stringify([1, sizesOf(vector), since === undefined ? null : sizesOf(since), after ?? null])).toString(
    'base64url',
  );
}

/** @throws StoreError `cursor_invalid` */
export function parseCursor(text: string): Cursor {
  try {
    if (text.length > CURSOR_LENGTH_MAX) throw new RangeError('too long');
    const [version, sizes, since, after] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [unknown, unknown, unknown, unknown];
    if (version !== 1) throw new RangeError('unknown version');
    return {
      vector: vectorOf(sizes),
      ...(since === null ? {} : { since: vectorOf(since) }),
      ...(after === null ? {} : { after: placeOf(after) }),
    };
  } catch (cause) {
    throw new StoreError('cursor_invalid', 'Invalid cursor: start again without a cursor.', { cause });
  }
}

function sizesOf(vector: Vector): [number, string][] {
  return Object.entries(vector).map(([shard, size]) => [Number(shard), String(size)]);
}

function vectorOf(value: unknown): Vector {
  const pairs = (value as [unknown, unknown][]).map(([shard, size]): [number, bigint] => {
    if (!isWithin(shard, SHARD_MAX)) throw new RangeError('not a shard');
    return [shard, wholeNumber(size)];
  });
  return Object.fromEntries(pairs);
}

function placeOf(value: unknown): readonly [number, number, string] {
  const [received, shard, idx] = value as [unknown, unknown, unknown];
  if (!isWithin(received, TIME_MS_MAX) || !isWithin(shard, SHARD_MAX)) throw new RangeError('not a place');
  return [received, shard, String(wholeNumber(idx))];
}

function isWithin(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function wholeNumber(value: unknown): bigint {
  if (typeof value !== 'string' || !/^[0-9]{1,18}$/.test(value)) throw new RangeError('not a size');
  return BigInt(value);
}
