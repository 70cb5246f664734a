import { AnchorError } from '@recant/ledger';
import { type Checkpoint, parseCheckpoint, parseNote } from '@recant/transparency';

/** A checkpoint that was kept elsewhere, as it lies there. Who signed it is for its reader to ask. */
export interface KeptNote {
  /** Where it lies, for people; names no secret. */
  readonly name: string;
  readonly note: Uint8Array;
  /** Milliseconds since 1970, UTC: since when it lies there, by the clock of that place; left out where nothing tells. */
  readonly savedAtMs?: number;
}

/** @throws AnchorError `anchor_unavailable` where it is no checkpoint: a page of a portal, something that was damaged */
export function checkpointIn({ name, note }: KeptNote): Checkpoint {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (cause) {
    throw new AnchorError('anchor_unavailable', `${name} is no checkpoint (${(cause as Error).message}): check the address.`, { cause });
  }
}
