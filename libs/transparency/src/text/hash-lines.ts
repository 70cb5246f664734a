import type { Bytes } from '#crypto';
import { TransparencyError } from '../error.ts';
import { requireHash } from '../hash.ts';
import { PROOF_HASHES_MAX } from '../limits.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';

/** The hashes of a proof, one a line, as tlog-proof and tlog-witness write them. */
export function formatHashLines(hashes: readonly Uint8Array[]): string {
  if (hashes.length > PROOF_HASHES_MAX) throw tooMany();
  return hashes
    .map((hash) => {
      requireHash(hash, 'a hash of the proof');
      return `${encodeBase64(hash)}\n`;
    })
    .join('');
}

/** @param lines each without its newline. @throws too_large, base64_invalid, hash_invalid */
export function parseHashLines(lines: readonly string[]): Bytes[] {
  if (lines.length > PROOF_HASHES_MAX) throw tooMany();
  return lines.map((line) => {
    const hash = decodeBase64(line);
    requireHash(hash, 'a hash of the proof');
    return hash;
  });
}

/** Cuts at the first empty line, which both formats have in front of the checkpoint. */
export function splitAtEmptyLine(text: string, what: string): { readonly lines: string[]; readonly rest: string } {
  const end = text.indexOf('\n\n');
  if (end < 0) throw new TransparencyError('malformed', `${what} has no empty line in front of a checkpoint`);
  return { lines: text.slice(0, end).split('\n', PROOF_HASHES_MAX + 4), rest: text.slice(end + 2) };
}

const tooMany = () => new TransparencyError('too_large', `a proof has at most ${PROOF_HASHES_MAX} hashes`);
