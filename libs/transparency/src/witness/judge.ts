import { type Checkpoint, parseCheckpoint } from '../checkpoint/checkpoint.ts';
import { TransparencyError } from '../error.ts';
import { type Note, parseNote } from '../note/note.ts';
import type { VerifierKey } from '../note/verifier-key.ts';
import { verifyNote } from '../note/verify-note.ts';
import { requireHead, type TreeHead, verifyConsistency } from '../tree/consistency.ts';
import { type AddCheckpointRequest, decodeAddCheckpoint } from './add-checkpoint.ts';

/** A witness's state of a log. */
export interface WitnessedLog {
  readonly keys: readonly VerifierKey[];
  /** The head cosigned last; undefined for none. */
  readonly latest?: TreeHead | undefined;
}

export type WitnessVerdict =
  | { readonly kind: 'cosign'; readonly checkpoint: Checkpoint; readonly note: Note }
  | { readonly kind: 'conflict'; readonly size: bigint }
  | { readonly kind: Refusal; readonly error: TransparencyError };

type Refusal = 'malformed' | 'untrusted' | 'unknown_log' | 'inconsistent';

/** C2SP tlog-witness, section add-checkpoint: the HTTP status of each verdict. */
export const WITNESS_STATUS: Readonly<Record<WitnessVerdict['kind'], number>> = {
  cosign: 200,
  malformed: 400,
  untrusted: 403,
  unknown_log: 404,
  conflict: 409,
  inconsistent: 422,
};

/** Content type of a 409 response. */
export const WITNESS_CONFLICT_TYPE = 'text/x.tlog.size';

/**
 * Decides a witness's response. Before answering `cosign` the caller must store the new head, in one atomic step with `find`; otherwise
 * concurrent requests could cosign an older or diverging tree.
 * @param find returns the log of an origin; undefined for an unknown one
 */
export function judgeAddCheckpoint(body: Uint8Array, find: (origin: string) => WitnessedLog | undefined): WitnessVerdict {
  const read = attempt('malformed', () => readRequest(body));
  if ('kind' in read) return read;
  const { request, note, checkpoint } = read;
  const log = find(checkpoint.origin);
  if (log === undefined)
    return {
      kind: 'unknown_log',
      error: new TransparencyError('origin_mismatch', 'unknown log: its origin is not configured at this witness'),
    };
  const trusted = attempt('untrusted', () => ({ signatures: verifyNote(note, log.keys) }));
  if ('kind' in trusted) return trusted;
  if (request.sizeBefore > checkpoint.size) {
    return { kind: 'malformed', error: new TransparencyError('size_shrinks', 'the old size is larger than the size of the checkpoint') };
  }
  const sizeKnown = log.latest?.size ?? 0n;
  if (request.sizeBefore !== sizeKnown) return { kind: 'conflict', size: sizeKnown };
  const consistent = attempt('inconsistent', () => ({ verified: requireConsistent(log.latest, checkpoint, request.proof) }));
  return 'kind' in consistent ? consistent : { kind: 'cosign', checkpoint, note };
}

function readRequest(body: Uint8Array): { request: AddCheckpointRequest; note: Note; checkpoint: Checkpoint } {
  const request = decodeAddCheckpoint(body);
  const note = parseNote(request.checkpoint);
  return { request, note, checkpoint: parseCheckpoint(note.text) };
}

function requireConsistent(latest: TreeHead | undefined, checkpoint: Checkpoint, proof: readonly Uint8Array[]): void {
  requireHead(checkpoint);
  if (latest !== undefined) verifyConsistency(latest, checkpoint, proof);
  else if (proof.length > 0) throw new TransparencyError('proof_length_wrong', 'expected an empty proof for old size 0');
}

function attempt<T extends object>(kind: Refusal, act: () => T): T | { readonly kind: Refusal; readonly error: TransparencyError } {
  try {
    return act();
  } catch (error) {
    if (error instanceof TransparencyError) return { kind, error };
    throw error;
  }
}
