import type { NoteSignature, TreeHead } from '@recant/transparency';

/** What a witness knows of a log: the largest tree that it has vouched for. */
export interface Vouched extends TreeHead {
  readonly origin: string;
  /** The checkpoint as its log signed it: the text and the signatures of known keys, no others. */
  readonly note: Uint8Array;
}

/** `moved`: somebody else has been faster. `full`: no room for another log. */
export type Advance = 'advanced' | 'moved' | 'full';

/**
 * Where a witness remembers. It is all that stands between a log and a fork: a store that forgets, or is put back from a backup, lets the witness
 * vouch for two histories.
 */
export interface WitnessStore {
  /** Read-after-write. Undefined where it surely never vouched for that log. @throws where what is kept cannot be read */
  read(origin: string): Promise<Vouched | undefined>;
  /**
   * Replaces what is known, in one atomic step: only where the size is still `sizeBefore` (undefined: nothing known). Durable when it resolves
   * with `advanced`; a crash leaves the old or the new, whole. The same size again is such a step too, and changes nothing.
   */
  advance(sizeBefore: bigint | undefined, next: Vouched): Promise<Advance>;
  /** Keeps the cosigned checkpoint for monitors, unless a larger one is kept. What a crash loses of it comes back with the next one. */
  show(head: Omit<Vouched, 'root'>): Promise<void>;
  /** What `show` kept. @param originHash lower-case hex SHA-256 of the origin */
  shown(originHash: string): Promise<Uint8Array | undefined>;
}

/** The witness's own key. A compromise of it vouches for anything in this witness's name. */
export interface Cosigner {
  /** Key type 0x04, C2SP tlog-cosignature. @param timeSeconds since 1970 */
  cosign(text: string, timeSeconds: bigint): NoteSignature;
}
