import { AnchorError } from '@recant/ledger';
import { type Checkpoint, parseCheckpoint, parseNote } from '@recant/transparency';

/** A checkpoint stored outside the ledger, unverified. */
export interface SavedNote {
  /** Location for display, without secrets. */
  readonly name: string;
  readonly note: Uint8Array;
  /** When it was stored, by the clock of that store; milliseconds since 1970, UTC. Absent if unknown. */
  readonly savedAtMs?: number;
}

/** @throws AnchorError `anchor_unavailable` unless it is a checkpoint (a portal's page, a damaged file) */
export function checkpointIn({ name, note }: SavedNote): Checkpoint {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (cause) {
    throw new AnchorError('anchor_unavailable', `${name} is not a checkpoint (${(cause as Error).message}): check the address.`, { cause });
  }
}
