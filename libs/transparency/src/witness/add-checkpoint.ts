import { TransparencyError } from '../error.ts';
import { NOTE_BYTES_MAX } from '../limits.ts';
import { formatSignatures, type NoteSignature, parseSignatures } from '../note/note.ts';
import { parseDecimal } from '../text/decimal.ts';
import { formatHashLines, parseHashLines, splitAtEmptyLine } from '../text/hash-lines.ts';
import { decodeUtf8, encodeUtf8 } from '../text/utf8.ts';
import { requireSize } from '../tree/nodes.ts';

/** C2SP tlog-witness, the body of `POST <prefix>/add-checkpoint`. */
export interface AddCheckpointRequest {
  /** The tree size that the log believes the witness cosigned last; 0 for none. */
  readonly sizeBefore: bigint;
  /** Consistency proof (RFC 6962 section 2.1.2) from there to the checkpoint. */
  readonly proof: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: Uint8Array;
}

/** Fits a note, an old size and 63 hashes. A server refuses a longer body before reading it. */
export const ADD_CHECKPOINT_BYTES_MAX = NOTE_BYTES_MAX + 4_096;

/** Bytes of a 409 response: 19 digits and a newline. */
const CONFLICT_BYTES_MAX = 20;

/** @throws too_large, hash_invalid, index_out_of_range */
export function encodeAddCheckpoint({ sizeBefore, proof, checkpoint }: AddCheckpointRequest): Uint8Array {
  requireSize(sizeBefore);
  return encodeUtf8(`old ${sizeBefore}\n${formatHashLines(proof)}\n${decodeUtf8(checkpoint, NOTE_BYTES_MAX, 'a checkpoint')}`);
}

/** Parses the format without verifying anything. @throws too_large, text_invalid, malformed, number_invalid, base64_invalid, hash_invalid */
export function decodeAddCheckpoint(bytes: Uint8Array): AddCheckpointRequest {
  const { lines, rest } = splitAtEmptyLine(decodeUtf8(bytes, ADD_CHECKPOINT_BYTES_MAX, 'a request'), 'a request');
  const [old = '', ...hashes] = lines;
  if (!old.startsWith('old ')) throw new TransparencyError('malformed', 'malformed request: expected a first line with the old size');
  const sizeBefore = parseDecimal(old.slice('old '.length), 'the old size');
  return { sizeBefore, proof: parseHashLines(hashes), checkpoint: encodeUtf8(rest) };
}

/** Body of a 200 response. */
export const encodeCosignatures = (signatures: readonly NoteSignature[]): Uint8Array => encodeUtf8(formatSignatures(signatures));

/** Not verified: add them to the checkpoint's note and verify that. @throws the codes of `parseNote` */
export const decodeCosignatures = (body: Uint8Array): NoteSignature[] => parseSignatures(decodeUtf8(body, NOTE_BYTES_MAX, 'an answer'));

/** Body of a 409 response: the size that the witness cosigned last. */
export const encodeConflict = (size: bigint): Uint8Array => encodeUtf8(`${size}\n`);

/** @throws too_large, text_invalid, malformed, number_invalid */
export function decodeConflict(body: Uint8Array): bigint {
  const text = decodeUtf8(body, CONFLICT_BYTES_MAX, 'an answer');
  if (!text.endsWith('\n')) throw new TransparencyError('malformed', 'malformed size: expected a final newline');
  return parseDecimal(text.slice(0, -1), 'the size that the witness knows');
}
