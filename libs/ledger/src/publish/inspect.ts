import type { TreeHead } from '@recant/transparency';
import { checkHead, frontierOf, same } from './check-head.ts';
import type { StoredCheckpoint } from './checkpoint.ts';
import { INTEGRATE_LEAVES_MAX } from './integrate.ts';
import type { LogFacts, OpenLog } from './log.ts';
import type { LogKey } from './ports.ts';
import { LedgerTampered } from './tampered.ts';
import { frontierAt, rootAt } from './tree.ts';

/** A checkpoint of a log in an anchor. */
export interface AnchoredHead extends TreeHead {
  readonly epoch: number;
  /** Name of the anchor, for messages. */
  readonly anchor: string;
}

export interface Inspection {
  readonly facts: LogFacts;
  /** Leaves covered by tiles, which can be signed. */
  readonly integrated: bigint;
  readonly last: StoredCheckpoint | undefined;
  /** False while too many entries lack tiles: nothing is signed before every comparison was made. */
  readonly compared: boolean;
}

/**
 * Compares a log with itself, with its last signed checkpoint and with the checkpoints in anchors. Undefined for a log without entries.
 * @param anchored checkpoints of this epoch or a later one.
 * @throws LedgerTampered
 */
export async function inspect(key: LogKey, log: OpenLog, anchored: readonly AnchoredHead[]): Promise<Inspection | undefined> {
  const facts = await log.facts();
  const later = anchored.find(({ epoch }) => epoch > (facts?.epoch ?? 1));
  if (later !== undefined)
    throw new LedgerTampered(
      key,
      'epoch_behind_anchor',
      `the log is at epoch ${facts?.epoch ?? 1}, anchor ${later.anchor} has epoch ${later.epoch}`,
    );
  for (const { size, anchor } of anchored)
    if (size > (facts?.size ?? 0n))
      throw new LedgerTampered(
        key,
        'log_behind_anchor',
        `the log has ${facts?.size ?? 0n} entries, anchor ${anchor} has a checkpoint of size ${size}`,
      );
  if (facts === undefined) return undefined;
  checkHead(facts);
  const integrated = await log.integrated(facts.epoch);
  if (integrated > facts.size)
    throw new LedgerTampered(facts, 'tiles_ahead', `tiles cover ${integrated} entries, the log has ${facts.size}`);
  const last = await log.lastCheckpoint(facts.epoch);
  if (last !== undefined && last.size > facts.size)
    throw new LedgerTampered(
      facts,
      'log_behind_checkpoint',
      `the log has ${facts.size} entries, a checkpoint of size ${last.size} was signed`,
    );
  if (facts.size - integrated > INTEGRATE_LEAVES_MAX) return { facts, integrated, last, compared: false };
  await compare(facts, log, integrated, last, anchored);
  return { facts, integrated, last, compared: true };
}

async function compare(
  facts: LogFacts,
  log: OpenLog,
  integrated: bigint,
  last: StoredCheckpoint | undefined,
  anchored: readonly AnchoredHead[],
): Promise<void> {
  const tiles = log.tiles(facts.epoch);
  const rest = await log.leaves(integrated, facts.size);
  if (BigInt(rest.length) !== facts.size - integrated)
    throw new LedgerTampered(facts, 'index_gap', `entry ${integrated + BigInt(rest.length)} is missing, the head has size ${facts.size}`);
  const rootOfFirst = async (size: bigint): Promise<Uint8Array> => {
    if (size <= integrated) return rootAt(size, tiles);
    const frontier = await frontierAt(integrated, tiles);
    frontier.append(rest.slice(0, Number(size - integrated)));
    return frontier.root();
  };
  if (!same(await rootOfFirst(facts.size), frontierOf(facts).root()))
    throw new LedgerTampered(facts, 'frontier_differs', `the head and the tiles have different roots for ${facts.size} entries`);
  if (last !== undefined && !same(await rootOfFirst(last.size), last.root))
    throw new LedgerTampered(facts, 'log_differs_from_checkpoint', `the first ${last.size} entries have a different root`);
  for (const { size, root, anchor } of anchored)
    if (!same(await rootOfFirst(size), root))
      throw new LedgerTampered(
        facts,
        'log_differs_from_anchor',
        `the first ${size} entries have a different root than in anchor ${anchor}`,
      );
}
