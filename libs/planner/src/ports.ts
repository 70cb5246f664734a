import type { AttemptContext, AttemptRef, AttemptStatus, Effect, Grade, Reversibility } from '@recant/events';
import type { Selection } from './selection/selection.ts';

export interface RecordedAttempt {
  readonly ref: AttemptRef;
  /** Entry of its intent (or of its first event, where the intent is missing). */
  readonly entry: EntryAddress;
  readonly agent: string;
  readonly tool: string;
  readonly session?: string;
  readonly trace?: string;
  readonly status: AttemptStatus;
  /** The recorded chunks match the count and digest in the settlement. */
  readonly complete: boolean;
  /** Targets that capture by themselves recorded whole transactions of it: those can be undone whatever the agent says or omits. Absent: none. */
  readonly witnessed?: true;
  readonly reversibility: Reversibility;
  /** Milliseconds since 1970, UTC: `intendedAtMs` by the producer's clock, `receivedAtMs` by the ledger's. */
  readonly intendedAtMs: number;
  readonly receivedAtMs: number;
  readonly sequence: number;
  readonly keyId: string;
  /** From the credential, never from the event. */
  readonly grade: Grade;
  /** Resources that this attempt's key is registered for; patterns exact or ending in `*`. */
  readonly registered: readonly string[];
  /** Changes of this attempt that its system only counted, by table: they cannot be undone. Absent: none. */
  readonly unknown?: readonly { readonly table: string; readonly changes: number }[];
  /** The attempt that this one inverts; accepted from the rollback service's own key only. */
  readonly inverts?: AttemptRef & { readonly run: string; readonly step: number };
}

export interface EntryAddress {
  readonly shard: number;
  readonly index: bigint;
}

export interface RecordedEffect extends Effect {
  readonly attempt: AttemptRef;
  readonly entry: EntryAddress;
  /** The target that captures by itself recorded it. */
  readonly captured?: true;
}

/** Claims of the agent. */
export type AttemptContexts = ReadonlyMap<
  string,
  Pick<AttemptContext, 'onBehalfOf' | 'agentVersion' | 'labels'> & { readonly resources: readonly string[] }
>;

/** Size of each log of the tenant, by shard: the plan sees the entries below it. */
export type Vector = Readonly<Record<number, bigint>>;

/**
 * Reads for planning. Every read is bounded by a vector, so that the same question always has the same answer.
 * Effects are decoded from the entries, not from projections: an edited projection can hide an effect but never redirect one.
 */
export interface LedgerReader {
  vector(tenant: string): Promise<Vector>;
  /** Attempts that match the fields of the selection, `where` aside, ascending by (receivedAtMs, shard, index); at most PLAN_CANDIDATES_MAX + 1. */
  select(tenant: string, selection: Selection, vector: Vector): Promise<readonly RecordedAttempt[]>;
  attempts(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<readonly RecordedAttempt[]>;
  /** Inverses of these attempts, including those without effects (nothing to write). */
  inversesOf(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<readonly RecordedAttempt[]>;
  /** What the intents of these attempts say, by `refKey`. Absent: no intent is recorded. */
  contexts(tenant: string, attempts: readonly RecordedAttempt[]): Promise<AttemptContexts>;
  effectsOf(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<readonly RecordedEffect[]>;
  /** All effects, writes and reads, of all attempts on these resources (exact URIs). */
  effectsOn(tenant: string, resources: readonly string[], vector: Vector): Promise<readonly RecordedEffect[]>;
}
