import type { AttemptRef, Effect, VersionOrAbsent } from '@recant/events';
import type { Drain } from './drain.ts';
import type { Freezing } from './freezing.ts';

/** One registered target of the rollback service. `options` are defined by the connector and contain its secrets. */
export interface SystemRegistration {
  readonly name: string;
  readonly connector: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Opens targets of one kind. An event can name a connector, never configure it. */
export interface Connector {
  readonly kind: string;
  /** Its systems capture by themselves: they have a `coverage`, which the service watches. */
  readonly watched?: true;
  /** @throws ConnectorError `options_invalid | unreachable | not_prepared` */
  open(registration: SystemRegistration): Promise<TargetSystem>;
}

/**
 * The target side of a connector, in the rollback service, with the system's own credentials.
 *
 * `probe` only reads; `rehearse` leaves nothing behind. `invert` is atomic per step (one undone attempt), guarded per part, and takes effect at most once per (run, step): if the
 * target has transactions, the mark is written in the same one. The runner retries, after asking `applied`.
 */
export interface TargetSystem {
  readonly name: string;
  readonly connector: string;
  /** Distinguishes this system from another one of the same name (database system identifier, marker in the root folder). */
  identity(): Promise<string>;
  /**
   * What `invert` would answer now for these steps in this order, without their effects. One result for each step. Nothing stays written, and locks are
   * waited for at most a second. A target without transactions, or with too many effects to write, only checks guards.
   * @throws ConnectorError `unreachable`
   */
  rehearse(steps: readonly RehearsedStep[]): Promise<readonly InverseResult[]>;
  /** Current versions. A part that cannot be read is `unreadable`, never absent. */
  probe(parts: readonly PartAddress[]): Promise<readonly Probed[]>;
  /**
   * Applies inverses in order, decides every guard itself, and says `restored` only after it read back each part that it wrote (I7). Works in bounded transactions of whole steps; bisects on error, so that a failing step does not affect others.
   * Every step gets exactly one result; waits for locks are short, and by step. @throws ConnectorError `unreachable` only where the connection was lost: the
   * outcome is unknown, ask `applied`; `read_only | locked`: the whole target takes no inverse at the moment, and nothing was written
   */
  invert(batch: InverseBatch): Promise<readonly InverseResult[]>;
  /**
   * Results of the steps that took effect, from the target's own records. Takes the fence first: work on these steps that is still under way under this token or a
   * lower one is ended, or has ended, and none under a lower one takes effect after the answer. So a step that is not in the answer did not take effect.
   */
  applied(run: string, steps: readonly number[], token: string): Promise<readonly InverseResult[]>;
  /**
   * Values that rows had before these attempts and after them, for a person who reads a plan: from the capture, bounded by number and length. What is not
   * captured any more is `hidden`. The caller redacts them. Absent: this kind of system has no values that can be shown. @throws ConnectorError `unreachable`
   */
  values?(asked: readonly AskedValues[]): Promise<readonly PartValue[]>;
  /** Holes in the capture, now. Absent: this kind of system has no capture of its own. */
  coverage?(): Promise<readonly CoverageFinding[]>;
  /** Parts that the system computes by itself, by the start of their resources, under every name that they had. */
  derived?(): Promise<readonly { readonly scope: string; readonly parts: readonly string[] }[]>;
  /**
   * Tables, or the like, that these agents could write at that time and whose changes were not captured, because the system did not know them yet.
   * @throws ConnectorError `unreachable`
   */
  uncaptured?(of: WhoAndWhen): Promise<readonly UncapturedTable[]>;
  /**
   * A person accepts that changes within this scope were not captured (`coverage_lost`), so that undoing goes past them. @returns what was accepted
   * @throws ConnectorError `unreachable`
   */
  acceptIncomplete?(scope: string, by: string, reason: string): Promise<readonly CoverageFinding[]>;
  /**
   * Destroys the images of a subject's data beside the system; attempts that need them become `irreversible`. Idempotent. Absent: this kind of system does not
   * assign images to subjects. @param waiting of the last result; undefined at first
   * @throws ConnectorError `unreachable`
   */
  erase?(subject: string, waiting?: readonly string[]): Promise<ErasedImages>;
  /** Present if the target captures by itself: then it is the witness, and agents report no effects on it. */
  readonly drain?: Drain;
  /** Present if the system refuses the writes of a frozen agent itself. */
  readonly freezing?: Freezing;
  close(): Promise<void>;
}

export interface WhoAndWhen {
  /** Undefined: any agent. */
  readonly agents?: readonly string[] | undefined;
  /** Sources whose attempts its logins named. */
  readonly sources: readonly string[];
  /** Milliseconds since 1970, UTC; undefined: no limit. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

export interface UncapturedTable {
  readonly table: string;
  /** Registered logins with a right to write it. */
  readonly logins: readonly string[];
  /** RFC 3339: since when the table may exist, and when its capture began; absent: it is not captured yet. */
  readonly from: string;
  readonly to?: string;
  /** It was captured, or new, and does not exist any more: these logins could drop it. */
  readonly dropped?: boolean;
}

/** What an erasure did. Complete if `remains` is empty. */
export interface ErasedImages {
  /** Captured changes whose images were erased by this call. */
  readonly changes: number;
  /** What was not reached, in words, with what to do. */
  readonly remains: readonly string[];
  /** Transactions whose end the erasure waits for, by the target's own names: pass them to the next call. */
  readonly waiting: readonly string[];
}

/** A hole in the capture of a system: writes that are not recorded, or not as they were. */
export interface CoverageFinding {
  readonly code: CoverageCode;
  /** Start of the resources whose writes may be unrecorded. Absent: none are, but somebody has to act. */
  readonly scope?: string;
  readonly detail: string;
  /** What to do. */
  readonly action: string;
}
export type CoverageCode =
  | 'table_uncovered' // new since `connect`
  | 'table_replaced' // dropped and created again
  | 'table_dropped'
  | 'table_altered' // its rows are identified in another way than at `connect`
  | 'trigger_missing'
  | 'trigger_disabled'
  | 'trigger_changed'
  | 'capture_altered' // a table or function of the capture itself
  | 'coverage_lost' // the queue was at its limit
  | 'publication'; // the capture leaves the database

export interface AskedValues {
  readonly undoes: AttemptRef;
  readonly resources: readonly string[];
}

/** A value as text: quoted, or `NULL`; absent where the row did not exist. */
export interface PartValue extends PartAddress {
  readonly undoes: AttemptRef;
  readonly before?: string;
  readonly after?: string;
  /** Why neither is shown: too long, erased or expired, or (by the caller) masked. */
  readonly hidden?: 'long' | 'gone' | 'masked';
}

export interface PartAddress {
  readonly resource: string;
  readonly part: string;
}
export type Probed = PartAddress &
  ({ readonly kind: 'version'; readonly version: VersionOrAbsent } | { readonly kind: 'unreadable'; readonly reason: string });

export interface InverseBatch {
  readonly run: string;
  /** Fencing token of the claim, decimal. A target that has seen a higher one refuses the batch. */
  readonly token: string;
  readonly steps: readonly InverseStep[];
  /** A person cancelled: what is under way is ended where the target can do that, and its steps wrote nothing. */
  readonly signal?: AbortSignal | undefined;
}

/** A step whose inverse is not sent yet, so that it has no attempt. */
export type RehearsedStep = Omit<InverseStep, 'attempt'>;

/** A later value of somebody else that a person lets a step overwrite. */
export interface Overwrite extends PartAddress {
  /** The live version; another one is a conflict. */
  readonly version: VersionOrAbsent;
  /** Ordinal of the last write by somebody else; a later one is a conflict. */
  readonly through: string;
}

export interface InverseStep {
  /** Number of the step in its plan, from 1. */
  readonly step: number;
  /** The inverse's own attempt (agent `recant`); the effects of the inverse are captured under it. */
  readonly attempt: AttemptRef;
  /** The attempt that is undone. */
  readonly undoes: AttemptRef;
  /** The effects of `undoes` on this system, read again from the entries, ascending by ordinal. */
  readonly effects: readonly Effect[];
  /**
   * Highest ordinal that the plan knows for each resource. A later write to a part of this step, except by this run, is unrecorded or new:
   * conflict `later_write`.
   */
  readonly knownOrdinals: Readonly<Record<string, string>>;
  /**
   * Resources of `undoes` that the step leaves as they are, because they are in conflict: `effects` has nothing of them. The attempt does not count as
   * undone then. Absent: the step undoes the whole attempt, and a connector that captures by itself refuses `effects` that lack something.
   */
  readonly leaves?: readonly string[];
  /**
   * Mode `force`: all that the step may overwrite although somebody else wrote it later. Each part that is overwritten gets a finding `overwritten`, and its value is captured
   * as the *before* of the inverse: what a target cannot keep so is never overwritten. `any`: only in a rehearsal, which finds out what there is; `invert` overwrites nothing
   * then. Absent: nothing.
   */
  readonly overwrites?: readonly Overwrite[] | 'any';
}

export type InverseOutcome =
  | 'restored'
  | 'compensated'
  | 'already_undone'
  | 'conflicted'
  | 'expired'
  | 'irreversible'
  | 'undecided'
  | 'failed'
  /**
   * Wrote nothing, because something is in its way at the moment: with findings `locked` only, the caller tries it again; else it waits for a person, who has
   * it tried again or skipped.
   */
  | 'stuck';

export interface InverseResult {
  readonly step: number;
  readonly outcome: InverseOutcome;
  /** Reasons per part; usually empty for `restored`. */
  readonly findings: readonly Finding[];
  /** The captured effects of the inverse; empty if nothing was written. */
  readonly effects: readonly Effect[];
  /** What remains, as texts for the account. */
  readonly residue: readonly string[];
}

export interface Finding extends PartAddress {
  readonly code: FindingCode;
  readonly detail: string;
  readonly expected?: VersionOrAbsent;
  readonly found?: VersionOrAbsent;
  /** Texts of the values now and as the attempt left them, where both are short. The caller redacts them, then adds them to `detail`. */
  readonly values?: { readonly now: string; readonly left: string };
  /**
   * Of `overwritten`: the last write of the part by somebody else. `isUncaptured`: it came after that ordinal, and nothing captured it; the inverse keeps the value as its own
   * *before*.
   */
  readonly writer?: { readonly who: string; readonly ordinal: string; readonly isUncaptured?: true };
}

export type FindingCode =
  | 'drift' // the live version is neither before nor after
  | 'later_write' // somebody else wrote the part after the attempt's first write of it
  | 'overwritten' // on a restored step: a person let it overwrite the later value of somebody else (`overwrites`)
  | 'unreadable' // absence cannot be established
  | 'side_effect' // the inverse changed more or less than planned
  | 'reaches_uncaptured' // the inverse would change a table that is not captured
  | 'agent_code' // the inverse would run code that an agent's login can replace
  | 'capture_incomplete' // changes after the attempt's were not captured; on a restored step: a person accepted that
  | 'image_missing' // expired or never stored
  | 'erased' // images were erased with their subject
  | 'constraint' // the target refuses the inverse (foreign key, unique, not empty)
  | 'not_registered' // the effect names a system or resource outside the registration (I13)
  | 'fenced' // another claim with a higher token
  | 'permission' // rights or space are missing at the moment
  | 'locked' // another session holds a lock that the step needs
  | 'timeout' // the inverse took longer than a statement may, or was cancelled
  | 'target_error' // the target failed with an error of its own
  | 'read_back'; // reading back gave another version than before
