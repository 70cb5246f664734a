import { TransparencyError } from '../error.ts';
import { requireHash } from '../hash.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';
import { parseDecimal } from '../text/decimal.ts';
import { decodeUtf8, encodeUtf8 } from '../text/utf8.ts';
import { requireSize } from '../tree/nodes.ts';
import { requireWidth } from './heads-tree.ts';

/**
 * An entry of the ledger's head log: entry n is publication n. The head log is an append-only log like any other, so witnesses can cosign its
 * checkpoints.
 */
export interface HeadRecord {
  readonly publication: bigint;
  readonly width: number;
  /** Root of the tree of heads. */
  readonly root: Uint8Array;
}

const HEADER = 'recant-ledger-head/v1';
const BYTES_MAX = 256;

/** Header, publication, width and base64 root, one line each. @throws index_out_of_range, head_invalid, hash_invalid */
export function encodeHeadRecord({ publication, width, root }: HeadRecord): Uint8Array {
  requireSize(publication);
  requireWidth(width);
  requireHash(root, 'the root of the heads');
  return encodeUtf8(`${HEADER}\n${publication}\n${width}\n${encodeBase64(root)}\n`);
}

/** @throws too_large, text_invalid, malformed, trailing_bytes, number_invalid, base64_invalid, head_invalid, hash_invalid */
export function decodeHeadRecord(bytes: Uint8Array): HeadRecord {
  const [header, publication, width, encodedRoot, end, ...more] = decodeUtf8(bytes, BYTES_MAX, 'a head record').split('\n');
  if (header !== HEADER || publication === undefined || width === undefined || encodedRoot === undefined || end === undefined) {
    throw new TransparencyError('malformed', `malformed head record: expected the first line ${HEADER} and three more lines`);
  }
  if (end !== '' || more.length > 0) throw new TransparencyError('trailing_bytes', 'malformed head record: data after the root');
  const root = decodeBase64(encodedRoot);
  const record = { publication: parseDecimal(publication, 'the publication'), width: Number(parseDecimal(width, 'the width')), root };
  requireWidth(record.width);
  requireHash(root, 'the root of the heads');
  return record;
}
