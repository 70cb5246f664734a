import { concatBytes, decodeUint, encodeUint, equalBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX } from '../limits.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';
import { decodeUtf8, encodeUtf8 } from '../text/utf8.ts';
import { requireKeyName } from './key-name.ts';
import type { NoteSigner } from './signer.ts';

/** C2SP signed-note. Untrusted until a signature of a known key is verified. */
export interface Note {
  /** Ends with a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  /** Without the key id. */
  readonly signature: Uint8Array;
}

const DASH = '\u2014 ';
const KEY_ID_BYTES = 4;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds control characters
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/** @throws too_large, text_invalid, malformed, name_invalid, base64_invalid */
export function parseNote(bytes: Uint8Array): Note {
  const all = decodeUtf8(bytes, NOTE_BYTES_MAX, 'a note');
  const end = all.lastIndexOf('\n\n');
  if (end < 0) throw new TransparencyError('malformed', 'malformed note: expected an empty line between text and signatures');
  const text = all.slice(0, end + 1);
  requireText(text);
  return { text, signatures: parseSignatures(all.slice(end + 2)) };
}

/** The inverse of `parseNote`. @throws its codes */
export function encodeNote({ text, signatures }: Note): Uint8Array {
  requireText(text);
  const bytes = encodeUtf8(`${text}\n${formatSignatures(signatures)}`);
  if (bytes.length > NOTE_BYTES_MAX)
    throw new TransparencyError('too_large', `a note is too large: expected at most ${NOTE_BYTES_MAX} bytes, got ${bytes.length}`);
  return bytes;
}

/** Parses signature lines of a note or of a witness's response. @throws malformed, name_invalid, base64_invalid, too_large, text_invalid */
export function parseSignatures(lines: string): NoteSignature[] {
  if (CONTROL.test(lines)) throw new TransparencyError('text_invalid', 'control character in the signatures');
  if (!lines.endsWith('\n'))
    throw new TransparencyError('malformed', 'malformed signatures: expected at least one line, each with a final newline');
  const split = lines.slice(0, -1).split('\n', NOTE_SIGNATURES_MAX + 1);
  requireCount(split.length);
  return split.map(parseSignature);
}

function parseSignature(line: string): NoteSignature {
  const [dash, name, encoded, ...more] = line.split(' ');
  if (dash !== DASH.trimEnd() || name === undefined || encoded === undefined || more.length > 0) {
    throw new TransparencyError(
      'malformed',
      `malformed signature line (expected em dash, name, base64): ${JSON.stringify(line.slice(0, 80))}`,
    );
  }
  requireKeyName(name);
  const bytes = decodeBase64(encoded);
  if (bytes.length <= KEY_ID_BYTES) throw new TransparencyError('malformed', `signature of ${name} is too short: ${bytes.length} bytes`);
  return { name, keyId: Number(decodeUint(bytes.subarray(0, KEY_ID_BYTES))), signature: bytes.subarray(KEY_ID_BYTES) };
}

export function formatSignatures(signatures: readonly NoteSignature[]): string {
  requireCount(signatures.length);
  return signatures
    .map(({ name, keyId, signature }) => {
      requireKeyName(name);
      return `${DASH}${name} ${encodeBase64(concatBytes([encodeUint(BigInt(keyId), KEY_ID_BYTES), signature]))}\n`;
    })
    .join('');
}

/** Signs a note's text. @throws text_invalid */
export function signText(text: string, signer: NoteSigner): NoteSignature {
  requireText(text);
  return { name: signer.key.name, keyId: signer.key.keyId, signature: signer.sign(text) };
}

/** A note with one signature per signer, in order. */
export function signNote(text: string, signers: readonly NoteSigner[]): Note {
  return { text, signatures: signers.map((signer) => signText(text, signer)) };
}

/** Adds signatures to a note, without duplicates; does not verify them. */
export function addSignatures(note: Note, added: readonly NoteSignature[]): Note {
  const signatures = [...note.signatures];
  for (const one of added) {
    const known = signatures.some(
      ({ name, keyId, signature }) => name === one.name && keyId === one.keyId && equalBytes(signature, one.signature),
    );
    if (!known) signatures.push(one);
  }
  return { text: note.text, signatures };
}

function requireText(text: string): void {
  if (!text.endsWith('\n') || CONTROL.test(text) || !text.isWellFormed()) {
    throw new TransparencyError('text_invalid', 'invalid text of a note: expected a final newline and no other control characters');
  }
}

function requireCount(count: number): void {
  if (count < 1) throw new TransparencyError('malformed', 'expected at least one signature');
  if (count > NOTE_SIGNATURES_MAX) throw new TransparencyError('too_large', `too many signatures: expected at most ${NOTE_SIGNATURES_MAX}`);
}
