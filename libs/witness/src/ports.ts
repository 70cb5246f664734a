import type { NoteSignature, TreeHead } from '@recant/transparency';

/** The largest tree head of a log that the witness has accepted for cosigning. */
export interface CosignedHead extends TreeHead {
  readonly origin: string;
  /** The checkpoint as signed by its log, with the signatures of known keys only. */
  readonly note: Uint8Array;
}

/** `moved`: a concurrent request advanced the log first. `full`: the maximum number of logs is reached. */
export type Advance = 'advanced' | 'moved' | 'full';

/**
 * The state of a witness. A store that loses data or is restored from a backup allows the witness to cosign two histories of one log.
 */
export interface WitnessStore {
  /** Read-after-write. Undefined only if no head was ever stored for the log. @throws if the stored head is unreadable */
  read(origin: string): Promise<CosignedHead | undefined>;
  /**
   * Atomic compare-and-set: replaces the head only if its size is still `sizeBefore` (undefined: no head). Durable when it resolves
   * with `advanced`; a crash leaves the old or the new head. An unchanged size also resolves with `advanced` and changes nothing.
   */
  advance(sizeBefore: bigint | undefined, next: CosignedHead): Promise<Advance>;
  /** Stores the cosigned checkpoint for monitors, unless a larger one is stored. If a crash loses it, the next one replaces it. */
  putCosigned(head: Omit<CosignedHead, 'root'>): Promise<void>;
  /** The checkpoint stored by `putCosigned`. @param originHash lower-case hex SHA-256 of the origin */
  readCosigned(originHash: string): Promise<Uint8Array | undefined>;
}

/** The witness's own key. A compromise allows cosignatures on any checkpoint in its name. */
export interface Cosigner {
  /** Key type 0x04, C2SP tlog-cosignature. @param timeSeconds since 1970 */
  cosign(text: string, timeSeconds: bigint): NoteSignature;
}
