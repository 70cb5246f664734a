import type { Bytes } from '#crypto';
import { TransparencyError } from '../error.ts';
import { requireHash } from '../hash.ts';
import { NOTE_BYTES_MAX, PROOF_EXTRA_BYTES_MAX } from '../limits.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';
import { parseDecimal } from '../text/decimal.ts';
import { formatHashLines, parseHashLines, splitAtEmptyLine } from '../text/hash-lines.ts';
import { decodeUtf8, encodeUtf8 } from '../text/utf8.ts';
import { requireSize } from '../tree/nodes.ts';

/** C2SP tlog-proof, stored as a `.tlog-proof` file: proves offline that an entry is in a log. */
export interface TlogProof {
  /** Opaque and not authenticated: check it by other means before use. */
  readonly extra?: Uint8Array;
  readonly index: bigint;
  /** RFC 6962 section 2.1.1, from the leaf's sibling up. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: Uint8Array;
}

const HEADER = 'c2sp.org/tlog-proof@v1';

/** A note, the hashes, and the extra data in base64. */
const BYTES_MAX = NOTE_BYTES_MAX + 4_096 + Math.ceil(PROOF_EXTRA_BYTES_MAX / 3) * 4;

/** @throws too_large, hash_invalid, index_out_of_range */
export function encodeTlogProof({ extra, index, hashes, checkpoint }: TlogProof): Uint8Array {
  requireSize(index);
  for (const hash of hashes) requireHash(hash, 'a hash of the proof');
  if (extra !== undefined) requireExtra(extra);
  const note = decodeUtf8(checkpoint, NOTE_BYTES_MAX, 'a checkpoint');
  const extraLine = extra === undefined ? '' : `extra ${encodeBase64(extra)}\n`;
  return encodeUtf8(`${HEADER}\n${extraLine}index ${index}\n${formatHashLines(hashes)}\n${note}`);
}

/** Parses the format without verifying anything, also not the checkpoint. @throws too_large, text_invalid, malformed, number_invalid, base64_invalid, hash_invalid */
export function decodeTlogProof(bytes: Uint8Array): TlogProof {
  const { lines, rest } = splitAtEmptyLine(decodeUtf8(bytes, BYTES_MAX, 'a proof'), 'a proof');
  const [header, second = '', ...more] = lines;
  if (header !== HEADER) throw new TransparencyError('malformed', `malformed proof: expected the first line ${HEADER}`);
  const extra = second.startsWith('extra ') ? decodeExtra(second.slice('extra '.length)) : undefined;
  const [indexLine = '', ...hashLines] = extra === undefined ? [second, ...more] : more;
  if (!indexLine.startsWith('index ')) throw new TransparencyError('malformed', 'malformed proof: expected an index line');
  const index = parseDecimal(indexLine.slice('index '.length), 'the index of a proof');
  const proof = { index, hashes: parseHashLines(hashLines), checkpoint: encodeUtf8(rest) };
  return extra === undefined ? proof : { extra, ...proof };
}

function decodeExtra(encoded: string): Bytes {
  const extra = decodeBase64(encoded);
  requireExtra(extra);
  return extra;
}

function requireExtra(extra: Uint8Array): void {
  if (extra.length > PROOF_EXTRA_BYTES_MAX)
    throw new TransparencyError(
      'too_large',
      `extra data is too large: expected at most ${PROOF_EXTRA_BYTES_MAX} bytes, got ${extra.length}`,
    );
}
