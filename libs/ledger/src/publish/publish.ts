import type { StoredCheckpoint } from './checkpoint.ts';
import { type AnchoredHead, inspect } from './inspect.ts';
import type { OpenLog } from './log.ts';
import { originOf } from './origin.ts';
import type { LogKey, Signer } from './ports.ts';
import { checkStored, signCheckpoint } from './sign-checkpoint.ts';
import { rootAt } from './tree.ts';

export interface PublishContext {
  /** The ledger's name. */
  readonly ledger: string;
  /** At least one. */
  readonly signers: readonly Signer[];
  /** Checkpoints of this log in anchors, of its epoch or a later one. */
  readonly anchored: readonly AnchoredHead[];
  /** Milliseconds since 1970, UTC. */
  readonly nowMs: number;
}

/** Milliseconds between two checkpoints of one log. */
const CHECKPOINT_MS_MIN = 1_000;

/**
 * Signs a checkpoint of the entries covered by tiles, if they grew. Invariant: a signed tree extends the last checkpoint and every checkpoint in an
 * anchor, and is a prefix of the log's head. A crash before the commit leaves an unpublished signature.
 * @returns the checkpoint; undefined where there is nothing to sign now
 * @throws LedgerTampered
 */
export async function publish(key: LogKey, log: OpenLog, context: PublishContext): Promise<StoredCheckpoint | undefined> {
  const inspection = await inspect(key, log, context.anchored);
  if (inspection === undefined) return undefined;
  const { facts, integrated, last, compared } = inspection;
  const origin = originOf(context.ledger, key, facts.epoch);
  if (last !== undefined) checkStored(facts, origin, last, context.signers);
  const tooSoon = last !== undefined && context.nowMs - last.signedAtMs < CHECKPOINT_MS_MIN && context.nowMs >= last.signedAtMs;
  if (!compared || tooSoon || integrated <= (last?.size ?? 0n)) return undefined;
  const head = { size: integrated, root: await rootAt(integrated, log.tiles(facts.epoch)) };
  const note = await signCheckpoint(origin, head, context.signers);
  const checkpoint = { ...head, epoch: facts.epoch, signedAtMs: context.nowMs, note };
  await log.putCheckpoint(checkpoint);
  return checkpoint;
}
