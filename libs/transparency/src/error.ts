/** Closed set of input errors. Codes are stable; details are for people and may change. */
export type TransparencyErrorCode =
  // Bytes and text.
  | 'too_large' // over the decoder's limit
  | 'truncated' // ends before its announced length
  | 'trailing_bytes' // data after the end
  | 'malformed' // does not follow its specification
  | 'text_invalid' // not UTF-8, a control character, or no final newline
  | 'base64_invalid' // not the canonical RFC 4648 section 4 encoding
  | 'number_invalid' // a sign, a leading zero, or over 2^63 - 1
  | 'path_invalid' // not the canonical tlog-tiles path of a tile
  // Keys and signatures.
  | 'name_invalid' // a key name that is empty, or contains a space or a plus
  | 'key_invalid' // an inconsistent or unsupported key
  | 'key_ambiguous' // two known keys with the same name and id
  | 'signature_missing' // no known key signed
  | 'signature_invalid' // a known key's signature does not verify
  | 'cosignatures_missing' // fewer cosignatures by known witnesses than required
  | 'origin_mismatch' // a checkpoint of another log
  // Trees.
  | 'hash_invalid' // not 32 bytes
  | 'index_out_of_range' // no such leaf in a tree of this size
  | 'size_shrinks' // the later tree is smaller
  | 'proof_length_wrong' // number of hashes does not match the tree
  | 'root_mismatch' // the proof gives another root
  | 'hashes_missing' // a reader returned the wrong number of hashes or tiles
  // The ledger's head.
  | 'head_invalid'; // impossible heads: a duplicate log, a slot beyond the width

/** The only error class that this library throws for external input. */
export class TransparencyError extends Error {
  override readonly name = 'TransparencyError';
  readonly code: TransparencyErrorCode;

  constructor(code: TransparencyErrorCode, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
