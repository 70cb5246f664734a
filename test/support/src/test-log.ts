import { randomBytes } from 'node:crypto';
import type { PublishedCheckpoint } from '@recant/ledger';
import {
  ed25519Signer,
  encodeNote,
  formatCheckpoint,
  formatVerifierKey,
  leafHash,
  leavesReader,
  proveConsistency,
  rootOf,
  signNote,
} from '@recant/transparency';

export interface TestLog {
  readonly origin: string;
  readonly vkey: string;
  /** Of the first `size` leaves. */
  checkpoint(size: number): PublishedCheckpoint;
  /** Of any root. */
  signed(size: number, root: Uint8Array): PublishedCheckpoint;
  proof(from: bigint, to: number): Promise<readonly Uint8Array[]>;
  /** The same origin and key, with other leaves from `at` on. */
  fork(at: number): TestLog;
}

/** A log in memory that signs any requested size. */
export function testLog(name = `test.example/${randomBytes(4).toString('hex')}`, path = '/acme/0/e1'): TestLog {
  return logOf(name, path, randomBytes(32), Infinity);
}

function logOf(name: string, path: string, seed: Uint8Array, forkedAt: number): TestLog {
  const signer = ed25519Signer(name, seed);
  const origin = `${name}${path}`;
  const leaf = (at: number) => leafHash(Buffer.from(`${at < forkedAt ? 'leaf' : 'other'} ${at}`));
  const leaves = (size: number) => Array.from({ length: size }, (_, at) => leaf(at));
  const signed = (size: number, root: Uint8Array): PublishedCheckpoint => {
    const text = formatCheckpoint({ origin, size: BigInt(size), root });
    return { origin, size: BigInt(size), note: encodeNote(signNote(text, [signer])) };
  };
  return {
    origin,
    vkey: formatVerifierKey(signer.key),
    signed,
    checkpoint: (size) => signed(size, rootOf(leaves(size))),
    proof: (from, to) => proveConsistency(from, BigInt(to), leavesReader(leaves(to))),
    fork: (at) => logOf(name, path, seed, at),
  };
}
