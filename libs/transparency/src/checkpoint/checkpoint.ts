import { TransparencyError } from '../error.ts';
import { requireHash } from '../hash.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';
import { parseDecimal } from '../text/decimal.ts';
import type { TreeHead } from '../tree/consistency.ts';
import { requireSize } from '../tree/nodes.ts';

/** C2SP tlog-checkpoint: a log's claim about its tree. */
export interface Checkpoint extends TreeHead {
  /** Identifies the log. */
  readonly origin: string;
  /** Opaque lines after the root, which signatures cover. This ledger writes none. */
  readonly extensions: readonly string[];
}

/** The text of the note. @throws malformed, text_invalid, hash_invalid, index_out_of_range */
export function formatCheckpoint({
  origin,
  size,
  root,
  extensions,
}: Omit<Checkpoint, 'extensions'> & { extensions?: readonly string[] }): string {
  requireSize(size);
  requireHash(root, 'the root');
  const lines = [origin, String(size), encodeBase64(root), ...(extensions ?? [])];
  if (lines.some((line) => line === '' || line.includes('\n')))
    throw new TransparencyError('malformed', 'malformed checkpoint: a line is empty or contains a newline');
  return `${lines.join('\n')}\n`;
}

/** @param text of a note. @throws malformed, number_invalid, base64_invalid, hash_invalid */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw new TransparencyError('malformed', 'malformed checkpoint: expected a final newline');
  const lines = text.slice(0, -1).split('\n');
  const [origin, size, encodedRoot, ...extensions] = lines;
  if (origin === undefined || size === undefined || encodedRoot === undefined || lines.includes('')) {
    throw new TransparencyError('malformed', 'malformed checkpoint: expected at least three lines, none of them empty');
  }
  const root = decodeBase64(encodedRoot);
  requireHash(root, 'the root of a checkpoint');
  return { origin, size: parseDecimal(size, 'the size of a checkpoint'), root, extensions };
}
