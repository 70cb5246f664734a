import { randomInt } from 'node:crypto';
import { type Anchor, type HeadStore, headOriginOf, publishHead, type StoredHead } from '@recant/ledger';
import type { Logger } from '@recant/service';
import { createLoop, type Loop } from './loop.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface HeadLoopDeps {
  readonly keys: SigningKeys;
  readonly heads: HeadStore;
  readonly anchors: readonly Anchor[];
  readonly logger: Logger;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

/** Signs a head over all logs now and then, and puts it where checkpoints are kept. A crash between the two is made good by the next round. */
export function createHeadLoop({ keys, heads, anchors, logger, clock }: HeadLoopDeps, everyMs: number): Loop {
  const kept = new Map<Anchor, string>();
  const keep = async (anchor: Anchor, { epoch, publication, note }: StoredHead): Promise<void> => {
    const place = `${epoch} ${publication}`;
    if (kept.get(anchor) === place) return;
    await anchor.put({ origin: headOriginOf(keys.ledger, epoch), size: publication + 1n, note });
    kept.set(anchor, place);
  };
  return createLoop(
    'head',
    everyMs,
    async () => {
      const context = { ledger: keys.ledger, signers: keys.signers, anchors, nowMs: clock(), random: (below: number) => randomInt(below) };
      const head = await heads.exclusively((open) => publishHead(open, context));
      if (head !== undefined) for (const anchor of anchors) await keep(anchor, head);
    },
    logger,
  );
}
