import type { Item } from './item.ts';
import { describeFault, isRecordFault } from './sql-state.ts';

export interface Refused {
  /** Place in the batch. */
  readonly place: number;
  readonly reason: string;
}

/**
 * Finds the records that the database rejects, by bisection: about log2(n) tries per record.
 * @param tryItems does everything but COMMIT.
 * @throws any error of `tryItems` that is not a record fault
 */
export async function findRefused(
  items: readonly Item[],
  tryItems: (some: readonly Item[]) => Promise<unknown>,
): Promise<readonly Refused[]> {
  const refused: Refused[] = [];
  async function search(from: number, to: number): Promise<void> {
    if (from >= to) return;
    try {
      await tryItems(items.slice(from, to));
    } catch (error) {
      if (!isRecordFault(error)) throw error;
      if (to - from === 1) refused.push({ place: from, reason: describeFault(error) });
      else {
        const middle = (from + to) >> 1;
        await search(from, middle);
        await search(middle, to);
      }
    }
  }
  await search(0, items.length);
  return refused;
}
