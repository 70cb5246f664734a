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
  /** Who found out the outcome while it was unknown. Absent: nobody had to. */
  readonly ruledBy?: string;
  /** What the agent reported after all, other than that: `status` is unknown. */
  readonly contradicted?: AttemptStatus;
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
  /**
   * Attempts that match the fields of the selection, `where` aside, ascending by (receivedAtMs, shard, index); at most PLAN_CANDIDATES_MAX + 1.
   * @param onEffects called at most once, with what `effectsOf` answers for exactly these attempts: a reader that has read their entries anyway spares reading
   *   them twice. Not called for more than PLAN_ATTEMPTS_MAX attempts. @throws PlannerError `plan_too_large` where it is given, as `effectsOf`
   */
  select(tenant: string, selection: Selection, vector: Vector, onEffects?: OnEffects): Promise<readonly RecordedAttempt[]>;
  attempts(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<readonly RecordedAttempt[]>;
  /** Inverses of these attempts, including those without effects (nothing to write). */
  inversesOf(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<readonly RecordedAttempt[]>;
  /** What the intents of these attempts say, by `refKey`. Absent: no intent is recorded. */
  contexts(tenant: string, attempts: readonly RecordedAttempt[]): Promise<AttemptContexts>;
  /** @throws PlannerError `plan_too_large`: over PLAN_EFFECTS_MAX; so does `effectsOn` */
  effectsOf(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<readonly RecordedEffect[]>;
  /**
   * All effects, writes and reads, of all attempts on these resources (exact URIs).
   * @param known effects of whole entries that the caller has: the reader may leave out what these entries have
   */
  effectsOn(
    tenant: string,
    resources: readonly string[],
    vector: Vector,
    known?: readonly RecordedEffect[],
  ): Promise<readonly RecordedEffect[]>;
}

export type OnEffects = (effects: readonly RecordedEffect[]) => void;

/** Numbers of a source that the ledger lacks, both ends inclusive, and when it received the events before and after them: ledger clock, milliseconds. */
export interface SourceHole {
  readonly first: number;
  readonly last: number;
  /** Absent: there is none before. */
  readonly beforeMs?: number;
  readonly afterMs: number;
}

/** What the record of one source lacks. */
export interface SourceRecord {
  readonly source: string;
  readonly agent: string;
  /** The highest ones. */
  readonly holes: readonly SourceHole[];
  readonly holesMore: number;
  /** Attempts with other events but no intent. */
  readonly withoutIntent: readonly { readonly action: string; readonly attempt: number; readonly receivedAtMs: number }[];
  /** Silent past its lease, not closed, and its process did not start again. */
  readonly lost?: { readonly receivedAtMs: number; readonly leaseMs: number };
}

export interface SourceQuestion {
  /** Their sources; undefined: of every agent. */
  readonly agents: readonly string[] | undefined;
  /** And these. */
  readonly sources: readonly string[];
  /** And those with a settlement of one of these actions. */
  readonly actions: readonly string[];
}

/** What the ledger lacks of sources. Bounded by a vector, but for `lost`, which is as of now. */
export interface SourceReader {
  /** Sources of a question whose record is incomplete, and Recant's own with holes, in any order. */
  incomplete(tenant: string, question: SourceQuestion, vector: Vector): Promise<readonly SourceRecord[]>;
}
