import { growTiles } from '@recant/transparency';
import type { OpenLog } from './log.ts';
import { LedgerTampered } from './tampered.ts';

/** Leaves per transaction: 2 MiB of hashes, 256 full tiles. */
export const INTEGRATE_LEAVES_MAX = 65_536;

/**
 * Makes tiles for the entries that have none yet. Resumes after the last tile, so it may be repeated or taken over at any point.
 * @returns whether more entries are left
 * @throws LedgerTampered
 */
export async function integrate(log: OpenLog): Promise<boolean> {
  const facts = await log.facts();
  if (facts === undefined) return false;
  const { epoch, size } = facts;
  const from = await log.integrated(epoch);
  if (from > size) throw new LedgerTampered(facts, 'tiles_ahead', `tiles cover ${from} entries, the log has ${size}`);
  if (from === size) return false;
  const to = size - from > INTEGRATE_LEAVES_MAX ? from + BigInt(INTEGRATE_LEAVES_MAX) : size;
  const leaves = await log.leaves(from, to);
  if (BigInt(leaves.length) !== to - from)
    throw new LedgerTampered(facts, 'index_gap', `entry ${from + BigInt(leaves.length)} is missing, the head has size ${size}`);
  await log.putTiles(epoch, await growTiles(from, leaves, log.tiles(epoch)));
  return to < size;
}
