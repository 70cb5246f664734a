import { BrokenRule } from '../rules.ts';
import { HEADER_BYTES, MAGIC, RECORD_BYTES_MAX } from './format.ts';
import { type Manifest, parseManifest } from './manifest.ts';
import { RecordParser } from './record-parser.ts';

/** Bytes of a file that hold its manifest, whatever it says. */
export const HEAD_BYTES_MAX = MAGIC.length + HEADER_BYTES + RECORD_BYTES_MAX;

/** What a bundle says it is of, from its first bytes. It is the file's word until the whole of it was verified. @throws BrokenRule */
export function manifestOf(head: Uint8Array): Manifest {
  const parser = new RecordParser();
  parser.push(head);
  const type = parser.next();
  if (type === undefined) throw new BrokenRule('truncated', 'the file ends before its manifest does');
  if (type !== 'M') throw new BrokenRule('format', 'the file does not begin with its manifest');
  return parseManifest(parser.payload());
}
