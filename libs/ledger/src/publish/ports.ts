/** Ports of publishing: keys that sign, places outside the ledger that remember, and the store that is published from. */

export interface LogKey {
  readonly tenant: string;
  readonly shard: number;
}

/** One key of the ledger. A compromise of it allows signing another history; only anchors and witnesses then tell. */
export interface Signer {
  /** Key name of its note signatures: the ledger's name. */
  readonly name: string;
  /** Verifier key, `<name>+<hex key id>+<base64>` (C2SP signed-note). */
  readonly vkey: string;
  /** Signature over exactly these bytes: 64 bytes of Ed25519, without the key id. May be asked again for the same bytes. */
  sign(text: Uint8Array): Promise<Uint8Array>;
}

/** A checkpoint on its way out: `note` is the signed note, whose first two lines are `origin` and `size`. */
export interface PublishedCheckpoint {
  readonly origin: string;
  readonly size: bigint;
  readonly note: Uint8Array;
}

/**
 * A place outside the ledger's database that keeps checkpoints: a folder, a bucket.
 * A compromise of it, or its loss, lets a rolled back ledger go unnoticed by it; what it invents stops the log, and can not make a false one pass.
 */
export interface Anchor {
  /** Shown to people and kept with what was anchored: `folder`, `s3:bucket`. One line. */
  readonly name: string;
  /**
   * Durable when it resolves. Idempotent: the same (origin, size) with the same root again is no error and changes nothing.
   * @throws AnchorError `anchor_conflict` where another root stands at that size, `anchor_unavailable` where nothing is known: the caller tries again.
   */
  put(checkpoint: PublishedCheckpoint): Promise<void>;
  /**
   * The note of the largest size of that origin; undefined where it surely has none.
   * @throws AnchorError `anchor_unavailable` where that is not known: nothing is signed meanwhile.
   */
  latest(origin: string): Promise<Uint8Array | undefined>;
}

/** Somebody who signs what is consistent with what they signed before (C2SP tlog-witness). */
export interface Witness {
  readonly name: string;
  /**
   * @param checkpoint the signed note to cosign.
   * @param consistencyProof hashes of the proof from `oldSize` (which the witness has) to the checkpoint's size; empty for 0 and for the same size.
   * @returns cosignature lines as they are appended to the note: `— <name> <base64>`, without line break.
   * @throws AnchorError `anchor_conflict` where the witness has seen another tree, `anchor_unavailable` where nothing is known.
   */
  cosign(
    origin: string,
    checkpoint: PublishedCheckpoint,
    consistencyProof: (oldSize: bigint) => Promise<readonly Uint8Array[]>,
  ): Promise<readonly string[]>;
}

export type AnchorErrorCode = 'anchor_conflict' | 'anchor_unavailable';

/** What an anchor or a witness could not do. One line: what was wrong, what to do. */
export class AnchorError extends Error {
  override readonly name = 'AnchorError';
  readonly code: AnchorErrorCode;
  constructor(code: AnchorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
