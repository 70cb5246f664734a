/** Leaves of a tree: what fits a signed 64-bit number (C2SP tlog-cosignature bounds its numbers so; RFC 6962 trees get no deeper). */
export const SIZE_MAX = 2n ** 63n - 1n;

/** Hashes of a proof: C2SP tlog-witness refuses more, and no tree within `SIZE_MAX` needs more. */
export const PROOF_HASHES_MAX = 63;

/** Bytes of a signed note. 100 signatures of ML-DSA-44 (2,420 bytes, a third more in base64) beside a text of half of it. */
export const NOTE_BYTES_MAX = 1_000_000;

/** Signatures of a note. C2SP signed-note wants at least 16 accepted. */
export const NOTE_SIGNATURES_MAX = 100;

/** Bytes of a key name, in UTF-8. */
export const KEY_NAME_BYTES_MAX = 255;

/** Characters of an encoded key: room for a post-quantum public key. */
export const KEY_CHARACTERS_MAX = 8_192;

/** Bytes of the opaque extra data of a tlog-proof. */
export const PROOF_EXTRA_BYTES_MAX = 65_536;

/** Bytes of an entry: a uint16 counts them (C2SP tlog-tiles). */
export const ENTRY_BYTES_MAX = 65_535;

/** Hashes or entries of a full tile (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;
