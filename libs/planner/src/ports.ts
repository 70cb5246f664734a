import type { AttemptRef, AttemptStatus, Effect, Grade, Reversibility } from '@recant/events';
import type { Selection } from './selection.ts';

export interface RecordedAttempt {
  readonly ref: AttemptRef;
  /** Entry of its intent (or of its first event, where the intent is missing). */
  readonly entry: EntryAddress;
  readonly agent: string;
  readonly tool: string;
  readonly session?: string;
  readonly trace?: string;
  readonly status: AttemptStatus;
  /** All chunks that the settlement counts are in, and the digest fits. */
  readonly complete: boolean;
  readonly reversibility: Reversibility;
  /** Milliseconds since 1970, UTC: producer's clock, ledger's clock. */
  readonly intendedAtMs: number;
  readonly receivedAtMs: number;
  readonly sequence: number;
  readonly keyId: string;
  /** From the credential, never from the event. */
  readonly grade: Grade;
  /** Resources that this attempt's key is registered for; patterns exact or ending in `*`. */
  readonly registered: readonly string[];
  /** This attempt is the inverse of that one; only believed from the rollback service's own key. */
  readonly inverts?: AttemptRef & { readonly run: string; readonly step: number };
}

export interface EntryAddress {
  readonly shard: number;
  readonly index: bigint;
}

export interface RecordedEffect extends Effect {
  readonly attempt: AttemptRef;
  readonly entry: EntryAddress;
}

/** Size of each log of the tenant: entries below it are in the plan's view, by shard. */
export type Vector = Readonly<Record<number, bigint>>;

/**
 * What planning reads. Everything is bounded by a vector, so that the same question has the same answer for ever.
 * Effects are decoded from the entries themselves, not from projections: an edited projection can hide, never redirect.
 */
export interface LedgerReader {
  vector(tenant: string): Promise<Vector>;
  /** Attempts that fit the selection, ascending by (receivedAtMs, shard, index). */
  select(tenant: string, selection: Selection, vector: Vector): Promise<readonly RecordedAttempt[]>;
  attempts(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<readonly RecordedAttempt[]>;
  /** Inverses of these attempts, whatever they touched: one that found nothing to write has no effect by which it could be found. */
  inversesOf(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<readonly RecordedAttempt[]>;
  effectsOf(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<readonly RecordedEffect[]>;
  /** All effects, writes and reads, of anybody, on these resources (exact URIs). */
  effectsOn(tenant: string, resources: readonly string[], vector: Vector): Promise<readonly RecordedEffect[]>;
}
