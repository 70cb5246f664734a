import { StoreError } from '../error.ts';

/** Place before the first row of a list that is ordered by (instant, id), newest first. */
const LAST = ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'] as const;

export const instantCursor = (atMs: number, id: string): string => `${atMs}.${id}`;

/** @throws StoreError `cursor_invalid` */
export function instantPlaceOf(cursor: string | undefined): readonly [Date | string, string] {
  if (cursor === undefined) return LAST;
  const match = /^([0-9]{1,15})\.([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/.exec(cursor);
  if (match === null) throw new StoreError('cursor_invalid', 'Invalid cursor: start again without a cursor.');
  return [new Date(Number(match[1])), match[2] as string];
}
