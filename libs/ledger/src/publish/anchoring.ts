import { proveConsistency, tileHashReader } from '@recant/transparency';
import type { AnchorWatch } from './anchor-watch.ts';
import type { StoredCheckpoint } from './checkpoint.ts';
import type { PublishStore } from './log.ts';
import { originOf } from './origin.ts';
import { type Anchor, AnchorError, type LogKey, type PublishedCheckpoint, type Witness } from './ports.ts';
import { LedgerTampered } from './tampered.ts';

/** Called with the failure of one log; the others continue. `LedgerTampered`: the anchor or witness has seen another tree. */
export type OutgoingFailure = (log: LogKey, error: LedgerTampered | AnchorError) => void;

export interface AnchoringContext {
  readonly store: PublishStore;
  readonly ledger: string;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  readonly failed: OutgoingFailure;
  /** Checked between two logs; the next process does the rest. */
  readonly stopping: () => boolean;
}

/** Puts the newest checkpoint of every log into an anchor that lacks it. A crash between `put` and `markAnchored` repeats the `put`, which is idempotent. */
export async function anchorAll(anchor: Anchor, watch: AnchorWatch, context: AnchoringContext): Promise<void> {
  const { store, ledger, clock } = context;
  for (const { log, checkpoint } of await store.unanchored(anchor.name)) {
    if (context.stopping()) return;
    await attempt(log, anchor.name, context, async () => {
      await anchor.put(publishedOf(ledger, log, checkpoint));
      await store.markAnchored(log, checkpoint, anchor.name, clock());
      watch.saw(anchor, checkpoint.note);
    });
  }
}

/** Requests a cosignature for the newest checkpoint of every log that lacks one. */
export async function cosignAll(witness: Witness, context: AnchoringContext): Promise<void> {
  const { store, ledger, clock } = context;
  for (const { log, checkpoint } of await store.uncosigned(witness.name)) {
    if (context.stopping()) return;
    await attempt(log, witness.name, context, async () => {
      const { epoch, size } = checkpoint;
      const published = publishedOf(ledger, log, checkpoint);
      const proof = (oldSize: bigint) =>
        store.reading(log, (open) => proveConsistency(oldSize, size, tileHashReader(size, open.tiles(epoch))));
      const lines = await witness.cosign(published.origin, published, proof);
      await store.markCosigned(log, checkpoint, witness.name, lines, clock());
    });
  }
}

function publishedOf(ledger: string, log: LogKey, { epoch, size, note }: StoredCheckpoint): PublishedCheckpoint {
  return { origin: originOf(ledger, log, epoch), size, note };
}

async function attempt(log: LogKey, place: string, { failed }: AnchoringContext, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof LedgerTampered) failed(log, error);
    else if (!(error instanceof AnchorError)) throw error;
    else if (error.code === 'anchor_unavailable') failed(log, error);
    else failed(log, new LedgerTampered(log, 'log_differs_from_anchor', `${place}: ${error.message}`));
  }
}
