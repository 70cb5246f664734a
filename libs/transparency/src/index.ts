export { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint/checkpoint.ts';
export {
  type CheckpointPolicy,
  type Cosignature,
  type VerifiedCheckpoint,
  verifyCheckpoint,
  verifyCosignatures,
} from './checkpoint/verify-checkpoint.ts';
export { TransparencyError, type TransparencyErrorCode } from './error.ts';
export { Frontier } from './frontier.ts';
export { emptyRoot, HASH_BYTES, leafHash, leafHashInPlace, nodeHash } from './hash.ts';
export { commitHeads, formatTenantHeads, headPadding, headSalt, type LogHead, type TenantHeads } from './head/commitment.ts';
export { decodeHeadRecord, encodeHeadRecord, type HeadRecord } from './head/head-record.ts';
export {
  buildHeadsTree,
  HEADS_WIDTH_MAX,
  HEADS_WIDTH_MIN,
  type HeadsPath,
  type HeadsTree,
  headsRootOf,
  headsWidth,
  type PlacedHeads,
} from './head/heads-tree.ts';
export { verifyTenantHeads } from './head/verify-head.ts';
export * from './limits.ts';
export { COSIGNATURE_TYPE, ED25519_TYPE, NOTE_ALGORITHMS, type NoteAlgorithm } from './note/algorithm.ts';
export {
  addSignatures,
  encodeNote,
  formatSignatures,
  type Note,
  type NoteSignature,
  parseNote,
  parseSignatures,
  signNote,
  signText,
} from './note/note.ts';
export { cosigner, ed25519Signer, formatSigningKey, type NoteSigner, parseSigningKey } from './note/signer.ts';
export { formatVerifierKey, keyIdOf, parseVerifierKey, type VerifierKey, verifierKey } from './note/verifier-key.ts';
export { type VerifiedSignature, verifyNote, verifySignatures } from './note/verify-note.ts';
export { decodeTlogProof, encodeTlogProof, type TlogProof } from './proof-file/tlog-proof.ts';
export { type VerifiedTlogProof, verifyTlogProof } from './proof-file/verify-tlog-proof.ts';
export { growTiles, type TileContent } from './tiles/grow.ts';
export { bundlesOfGrowth, type EntryBundle, entriesPath, parseTilePath, type Tile, tileOf, tilePath, tilesOfGrowth } from './tiles/tile.ts';
export { decodeEntryBundle, decodeTile, encodeEntryBundle, encodeTile } from './tiles/tile-bytes.ts';
export { type TileReader, tileHashReader } from './tiles/tile-reader.ts';
export { proveConsistency, type TreeHead, verifyConsistency } from './tree/consistency.ts';
export { proveInclusion, rootFromInclusion, verifyInclusion } from './tree/inclusion.ts';
export { type HashReader, readRoot, type TreeNode } from './tree/nodes.ts';
export { leavesReader, rootOf } from './tree/root.ts';
export {
  ADD_CHECKPOINT_BYTES_MAX,
  type AddCheckpointRequest,
  decodeAddCheckpoint,
  decodeConflict,
  decodeCosignatures,
  encodeAddCheckpoint,
  encodeConflict,
  encodeCosignatures,
} from './witness/add-checkpoint.ts';
export { judgeAddCheckpoint, WITNESS_CONFLICT_TYPE, WITNESS_STATUS, type WitnessedLog, type WitnessVerdict } from './witness/judge.ts';
