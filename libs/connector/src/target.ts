import type { AttemptRef, Effect, VersionOrAbsent } from '@recant/events';

/** One registered target as the rollback service opens it. `options` belong to the connector and hold its secrets. */
export interface SystemRegistration {
  readonly name: string;
  readonly connector: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Makes targets of one kind. Registered by name; an event can only name it, never configure it. */
export interface Connector {
  readonly kind: string;
  /** @throws ConnectorError `options_invalid | unreachable | not_prepared` */
  open(registration: SystemRegistration): Promise<TargetSystem>;
}

/**
 * A system as the rollback service sees it: the side that probes and inverts, with the system's own credentials.
 *
 * `probe` reads only. `invert` is atomic per step (one undone attempt, whole or not at all), guarded per part, and takes effect at most once
 * per (run, step): the mark is written in the same transaction where the target has one. Who retries: the runner, after asking `applied`.
 */
export interface TargetSystem {
  readonly name: string;
  readonly connector: string;
  /** What tells this system from another of the same name (database system identifier, root folder's marker). */
  identity(): Promise<string>;
  /** Versions now. Never says absent where it cannot see: that is `unreadable`. */
  probe(parts: readonly PartAddress[]): Promise<readonly Probed[]>;
  /**
   * Applies inverses, in the order given, in bounded transactions of whole steps; bisects on error so that one bad step does not take others along.
   * Every step gets exactly one result. Transport errors are thrown (`ConnectorError` `unreachable`): nothing is known then, ask `applied`.
   */
  invert(batch: InverseBatch): Promise<readonly InverseResult[]>;
  /** The target's own evidence of steps that took effect, for resuming after a crash. */
  applied(run: string, steps: readonly number[]): Promise<readonly InverseResult[]>;
  close(): Promise<void>;
}

export interface PartAddress {
  readonly resource: string;
  readonly part: string;
}
export type Probed = PartAddress &
  ({ readonly kind: 'version'; readonly version: VersionOrAbsent } | { readonly kind: 'unreadable'; readonly reason: string });

export interface InverseBatch {
  readonly run: string;
  /** Fencing token of the claim: a target that has seen a higher one refuses. Decimal. */
  readonly token: string;
  readonly steps: readonly InverseStep[];
}

export interface InverseStep {
  /** Number of the step in its plan, from 1. */
  readonly step: number;
  /** The inverse's own attempt (agent `recant`): the capture of what the inverse writes is filed under it. */
  readonly attempt: AttemptRef;
  /** The attempt that is undone. */
  readonly undoes: AttemptRef;
  /** Its effects on this system, ascending by ordinal, as read again from the entries. */
  readonly effects: readonly Effect[];
  /**
   * Highest ordinal that the plan knows for each resource. A later write to a part of this step that is not this run's own
   * is somebody's unrecorded or new work: conflict `later_write`.
   */
  readonly knownOrdinals: Readonly<Record<string, string>>;
}

export type InverseOutcome =
  | 'restored'
  | 'compensated'
  | 'already_undone'
  | 'conflicted'
  | 'expired'
  | 'irreversible'
  | 'undecided'
  | 'failed';

export interface InverseResult {
  readonly step: number;
  readonly outcome: InverseOutcome;
  /** Why, per part; empty for `restored` without remark. */
  readonly findings: readonly Finding[];
  /** What the inverse itself changed, captured as for any attempt; empty where nothing was written. */
  readonly effects: readonly Effect[];
  /** What stays behind, in words for the account. */
  readonly residue: readonly string[];
}

export interface Finding extends PartAddress {
  readonly code: FindingCode;
  readonly detail: string;
  readonly expected?: VersionOrAbsent;
  readonly found?: VersionOrAbsent;
}

export type FindingCode =
  | 'drift' // the live version is neither before nor after
  | 'later_write' // somebody wrote the part after the last write the plan knows
  | 'unreadable' // cannot tell absent from invisible
  | 'side_effect' // the inverse changed more, or less, than the plan said
  | 'image_missing' // expired, erased or never kept
  | 'constraint' // the target refuses the inverse (foreign key, unique, not empty)
  | 'not_registered' // the effect names a system or resource outside the registration (I13)
  | 'fenced' // another claim with a higher token
  | 'read_back'; // what was written does not read back as before
