/** Everything that can be wrong with what this library is given. A code is for ever; a detail is for people. */
export type TransparencyErrorCode =
  // Bytes and text.
  | 'too_large' // over the bound that its decoder names
  | 'truncated' // ends before what was announced
  | 'trailing_bytes' // goes on after its end
  | 'malformed' // not of the form that its specification gives
  | 'text_invalid' // not UTF-8, a control character, or no newline at the end
  | 'base64_invalid' // not the one RFC 4648 section 4 encoding of its bytes
  | 'number_invalid' // a sign, a leading zero, or over 2^63 - 1
  | 'path_invalid' // not the one tlog-tiles path of a tile
  // Keys and signatures.
  | 'name_invalid' // a key name that is empty, or holds a space or a plus
  | 'key_invalid' // a key that contradicts itself
  | 'key_ambiguous' // two known keys of one name and one id
  | 'signature_missing' // no known key signed
  | 'signature_invalid' // a known key's signature does not verify
  | 'cosignatures_missing' // fewer known witnesses signed than were asked for
  | 'origin_mismatch' // another log's checkpoint
  // Trees.
  | 'hash_invalid' // not 32 bytes
  | 'index_out_of_range' // no such leaf in a tree of that size
  | 'size_shrinks' // the later tree is the smaller one
  | 'proof_length_wrong' // more or fewer hashes than the shape of the tree wants
  | 'root_mismatch' // the proof leads to another root
  | 'hashes_missing' // a reader gave something else than what was asked for
  // The ledger's head.
  | 'head_invalid'; // heads that no ledger has: twice one log, a slot beyond the width

/** The only error that this library throws at what comes from outside. */
export class TransparencyError extends Error {
  override readonly name = 'TransparencyError';
  readonly code: TransparencyErrorCode;

  constructor(code: TransparencyErrorCode, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
