import { concatBytes, decodeUint, encodeUint, equalBytes } from '../bytes.ts';
import { TransparencyError } from '../error.ts';
import { NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX } from '../limits.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';
import { decodeUtf8, encodeUtf8 } from '../text/utf8.ts';
import { requireKeyName } from './key-name.ts';
import type { NoteSigner } from './signer.ts';

/** C2SP signed-note. Nothing in it is to be believed before a known key's signature was verified. */
export interface Note {
  /** Ends in a newline. */
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
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/** @throws too_large, text_invalid, malformed, name_invalid, base64_invalid */
export function parseNote(bytes: Uint8Array): Note {
  const all = decodeUtf8(bytes, NOTE_BYTES_MAX, 'a note');
  const end = all.lastIndexOf('\n\n');
  if (end < 0) throw new TransparencyError('malformed', 'no empty line parts a text from its signatures');
  const text = all.slice(0, end + 1);
  requireText(text);
  return { text, signatures: parseSignatures(all.slice(end + 2)) };
}

/** The bytes that `parseNote` reads. @throws what it throws */
export function encodeNote({ text, signatures }: Note): Uint8Array {
  requireText(text);
  const bytes = encodeUtf8(`${text}\n${formatSignatures(signatures)}`);
  if (bytes.length > NOTE_BYTES_MAX) throw new TransparencyError('too_large', `a note has at most ${NOTE_BYTES_MAX} bytes`);
  return bytes;
}

/** Lines of signatures, of a note or of a witness's answer. @throws malformed, name_invalid, base64_invalid, too_large, text_invalid */
export function parseSignatures(lines: string): NoteSignature[] {
  if (CONTROL.test(lines)) throw new TransparencyError('text_invalid', 'a control character among the signatures');
  if (!lines.endsWith('\n')) throw new TransparencyError('malformed', 'no signature, or the last one does not end in a newline');
  const split = lines.slice(0, -1).split('\n', NOTE_SIGNATURES_MAX + 1);
  requireCount(split.length);
  return split.map(parseSignature);
}

function parseSignature(line: string): NoteSignature {
  const [dash, name, encoded, ...more] = line.split(' ');
  if (dash !== DASH.trimEnd() || name === undefined || encoded === undefined || more.length > 0) {
    throw new TransparencyError('malformed', `a signature line is an em dash, a name and base64: ${JSON.stringify(line.slice(0, 80))}`);
  }
  requireKeyName(name);
  const bytes = decodeBase64(encoded);
  if (bytes.length <= KEY_ID_BYTES) throw new TransparencyError('malformed', `${name}: a signature of ${bytes.length} bytes`);
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

/** One signature. @throws text_invalid */
export function signText(text: string, signer: NoteSigner): NoteSignature {
  requireText(text);
  return { name: signer.key.name, keyId: signer.key.keyId, signature: signer.sign(text) };
}

/** A note of one signature a signer, in their order. */
export function signNote(text: string, signers: readonly NoteSigner[]): Note {
  return { text, signatures: signers.map((signer) => signText(text, signer)) };
}

/** The note with more signatures, each once: a cosigned checkpoint. They are not verified here. */
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
    throw new TransparencyError('text_invalid', 'a note’s text ends in a newline and holds no other control character');
  }
}

function requireCount(count: number): void {
  if (count < 1) throw new TransparencyError('malformed', 'no signature');
  if (count > NOTE_SIGNATURES_MAX) throw new TransparencyError('too_large', `more than ${NOTE_SIGNATURES_MAX} signatures`);
}
