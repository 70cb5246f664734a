import { BrokenRule } from '../rules.ts';
import { HEADER_BYTES, MAGIC, RECORD_BYTES_MAX } from './format.ts';
import { type Manifest, parseManifest } from './manifest.ts';
import { RecordParser } from './record-parser.ts';

/** Leading bytes of a file that always include its whole manifest. */
export const HEAD_BYTES_MAX = MAGIC.length + HEADER_BYTES + RECORD_BYTES_MAX;

/** Reads the manifest from the first bytes of a bundle, unverified. @throws BrokenRule */
export function manifestOf(head: Uint8Array): Manifest {
  const parser = new RecordParser();
  parser.push(head);
  const type = parser.next();
  if (type === undefined) throw new BrokenRule('truncated', 'the file ends inside its manifest');
  if (type !== 'M') throw new BrokenRule('format', 'expected the manifest as first record, got another type');
  return parseManifest(parser.payload());
}
