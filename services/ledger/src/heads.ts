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

/** Periodically signs a head over all logs and puts it into the anchors. After a crash in between, the next round anchors it. */
export function createHeadLoop({ keys, heads, anchors, logger, clock }: HeadLoopDeps, everyMs: number): Loop {
  const anchored = new Map<Anchor, string>();
  const putOnce = async (anchor: Anchor, { epoch, publication, note }: StoredHead): Promise<void> => {
    const version = `${epoch} ${publication}`;
    if (anchored.get(anchor) === version) return;
    await anchor.put({ origin: headOriginOf(keys.ledger, epoch), size: publication + 1n, note });
    anchored.set(anchor, version);
  };
  return createLoop(
    'head',
    everyMs,
    async () => {
      const context = { ledger: keys.ledger, signers: keys.signers, anchors, nowMs: clock(), random: (below: number) => randomInt(below) };
      const head = await heads.exclusively((open) => publishHead(open, context));
      if (head !== undefined) for (const anchor of anchors) await putOnce(anchor, head);
    },
    logger,
  );
}
