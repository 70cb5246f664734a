import { type Anchor, AnchorError, headOriginOf } from '@recant/ledger';

/**
 * Asks an anchor now and then for the ledger's head: without events there is nothing to store, and its silence would go unnoticed. An anchor that had a head and
 * has none now is another one: an empty folder at the mount point of a disk that is away.
 * @param everyMs between two questions; after a failure the next round asks again
 * @param clock milliseconds since 1970, UTC
 */
export function probeOf(anchor: Anchor, ledger: string, everyMs: number, clock: () => number): () => Promise<void> {
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let hadHead = false;
  return async () => {
    if (clock() - askedAtMs < everyMs) return;
    const head = await anchor.latest(headOriginOf(ledger));
    if (head === undefined && hadHead)
      throw new AnchorError('anchor_unavailable', `The anchor ${anchor.name} has lost its checkpoints: mount it again, or restore it.`);
    hadHead = head !== undefined;
    askedAtMs = clock();
  };
}
