/** Ports of publishing: signing keys, anchors and witnesses. The store is in `log.ts`. */

export interface LogKey {
  readonly tenant: string;
  readonly shard: number;
}

/** One signing key of the ledger. A compromise allows signing another history, which only anchors and witnesses detect. */
export interface Signer {
  /** Key name of its note signatures: the ledger's name. */
  readonly name: string;
  /** Verifier key, `<name>+<hex key id>+<base64>` (C2SP signed-note). */
  readonly vkey: string;
  /** Ed25519 signature (64 bytes, without the key id) over exactly these bytes. May be repeated for the same bytes. */
  sign(text: Uint8Array): Promise<Uint8Array>;
}

/** A checkpoint for anchors and witnesses: `note` is the signed note, whose first two lines are `origin` and `size`. */
export interface PublishedCheckpoint {
  readonly origin: string;
  readonly size: bigint;
  readonly note: Uint8Array;
}

/**
 * Storage of checkpoints outside the ledger's database: a folder, a bucket.
 * A compromise or loss hides a rolled-back ledger from this anchor. A forged checkpoint in it stops the log, and cannot make a false log pass.
 */
export interface Anchor {
  /** Shown in messages and stored with anchored checkpoints: `folder`, `s3:bucket`. One line. */
  readonly name: string;
  /**
   * Durable when it resolves. Idempotent for the same (origin, size) and root.
   * @throws AnchorError `anchor_conflict` where another root is stored at that size, `anchor_unavailable` where the result is unknown (retryable).
   */
  put(checkpoint: PublishedCheckpoint): Promise<void>;
  /**
   * The note with the largest size of that origin; undefined where there is certainly none.
   * @throws AnchorError `anchor_unavailable` where that is unknown: nothing is signed meanwhile.
   */
  latest(origin: string): Promise<Uint8Array | undefined>;
}

/** Cosigns checkpoints that are consistent with those it cosigned before (C2SP tlog-witness). */
export interface Witness {
  readonly name: string;
  /**
   * @param checkpoint the signed note to cosign.
   * @param consistencyProof hashes of the proof from `oldSize` (which the witness has) to the checkpoint's size; empty for 0 and for the same size.
   * @returns cosignature lines as they are appended to the note: `— <name> <base64>`, without line break.
   * @throws AnchorError `anchor_conflict` where the witness has seen another tree, `anchor_unavailable` where the result is unknown.
   */
  cosign(
    origin: string,
    checkpoint: PublishedCheckpoint,
    consistencyProof: (oldSize: bigint) => Promise<readonly Uint8Array[]>,
  ): Promise<readonly string[]>;
}

export type AnchorErrorCode = 'anchor_conflict' | 'anchor_unavailable';

/** Failure of an anchor or a witness. One line: cause and remedy. */
export class AnchorError extends Error {
  override readonly name = 'AnchorError';
  readonly code: AnchorErrorCode;
  constructor(code: AnchorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
