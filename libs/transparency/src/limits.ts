/** Leaves of a tree: the largest signed 64-bit number, the limit of C2SP tlog-cosignature. */
export const SIZE_MAX = 2n ** 63n - 1n;

/** Hashes of a proof: the limit of C2SP tlog-witness; no tree within `SIZE_MAX` needs more. */
export const PROOF_HASHES_MAX = 63;

/** Bytes of a signed note: fits 100 ML-DSA-44 signatures (2,420 bytes each, a third more in base64) and over 500 kB of text. */
export const NOTE_BYTES_MAX = 1_000_000;

/** Signatures of a note. C2SP signed-note requires a limit of at least 16. */
export const NOTE_SIGNATURES_MAX = 100;

/** Bytes of a key name, in UTF-8. */
export const KEY_NAME_BYTES_MAX = 255;

/** Characters of an encoded key: fits a post-quantum public key. */
export const KEY_CHARACTERS_MAX = 8_192;

/** Bytes of the opaque extra data of a tlog-proof. */
export const PROOF_EXTRA_BYTES_MAX = 65_536;

/** Bytes of an entry: its length is a uint16 (C2SP tlog-tiles). */
export const ENTRY_BYTES_MAX = 65_535;

/** Hashes or entries of a full tile (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;
