import type { Bytes } from '#crypto';
import { TransparencyError } from '../error.ts';
import { requireHash } from '../hash.ts';
import { PROOF_HASHES_MAX } from '../limits.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';

/** The hashes of a proof, one per line, as in tlog-proof and tlog-witness. */
export function formatHashLines(hashes: readonly Uint8Array[]): string {
  if (hashes.length > PROOF_HASHES_MAX) throw tooMany();
  return hashes
    .map((hash) => {
      requireHash(hash, 'a hash of the proof');
      return `${encodeBase64(hash)}\n`;
    })
    .join('');
}

/** @param lines without newlines. @throws too_large, base64_invalid, hash_invalid */
export function parseHashLines(lines: readonly string[]): Bytes[] {
  if (lines.length > PROOF_HASHES_MAX) throw tooMany();
  return lines.map((line) => {
    const hash = decodeBase64(line);
    requireHash(hash, 'a hash of the proof');
    return hash;
  });
}

/** Splits at the first empty line, which both formats have before the checkpoint. */
export function splitAtEmptyLine(text: string, what: string): { readonly lines: string[]; readonly rest: string } {
  const end = text.indexOf('\n\n');
  if (end < 0) throw new TransparencyError('malformed', `${what}: expected an empty line before the checkpoint`);
  return { lines: text.slice(0, end).split('\n', PROOF_HASHES_MAX + 4), rest: text.slice(end + 2) };
}

const tooMany = () => new TransparencyError('too_large', `too many hashes in a proof: expected at most ${PROOF_HASHES_MAX}`);
