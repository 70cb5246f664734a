import type { FindingCode, TargetSystem } from '@recant/connector';
import type { AttemptRef, RunState, StepOutcome, StepState } from '@recant/events';
import type { PlanCounts, PlanHeader, PlanItems, RecordedAttempt, RecordedEffect, Vector } from '@recant/planner';

/** The right to work on one run until the lease ends. `token` grows with each claim of the run; targets and the store refuse lower ones (fencing). */
export interface Claim {
  readonly tenant: string;
  readonly run: string;
  readonly token: bigint;
}

/** Stored state of a run, enough to resume it. */
export interface RunRecord {
  readonly claim: Claim;
  readonly state: RunState;
  readonly plan: string;
  /** Digest of the approved plan. */
  readonly digest: string;
  readonly header: PlanHeader;
  /** Source of the run's events. Only the worker with the claim numbers them. */
  readonly source: string;
  /** Number of the next event. */
  readonly sequenceNext: number;
  readonly steps: readonly StepRecord[];
  /** Systems that did not answer an earlier worker. */
  readonly waits: readonly RunWait[];
  /** Milliseconds since 1970, UTC: when the run was started. */
  readonly createdAtMs: number;
  readonly limits: RunLimits;
  /** Milliseconds until the rate allows the next batch, from the load. Absent: none. */
  readonly rateFreeMs?: number;
}

/** Absent: no limit. */
export interface RunLimits {
  /** Milliseconds since 1970, UTC: from then on the run starts nothing more and pauses. */
  readonly deadlineAtMs?: number;
  /** Rows and files that it changes a second, on average. */
  readonly rowsPerSecond?: number;
}

/** A system that does not answer: the run tries again by itself. Times in milliseconds since 1970, UTC. */
export interface RunWait {
  readonly for: 'system';
  readonly system: string;
  readonly detail: string;
  readonly sinceMs: number;
  readonly tries: number;
  readonly untilMs: number;
}

export interface StepRecord {
  readonly step: number;
  readonly state: StepState;
  readonly outcome?: StepOutcome;
  readonly findings: readonly StepFinding[];
  readonly residue: readonly string[];
  /** The inverse's own attempt, once intended. */
  readonly inverse?: AttemptRef;
  /** The attempt that takes the inverse back, once intended. */
  readonly takeBack?: AttemptRef;
}

/** A finding of a step; `system` and the fields below it where they apply. */
export interface StepFinding {
  readonly code: FindingCode | RunFindingCode;
  readonly detail: string;
  readonly system?: string;
  readonly resource?: string;
  readonly part?: string;
  readonly expected?: string | null;
  readonly found?: string | null;
  /** Of `overwritten`: whose value it was. */
  readonly writer?: { readonly who: string; readonly ordinal: string; readonly isUncaptured?: true };
}
export type RunFindingCode =
  | 'predecessor' // a step that wrote the same parts later was not restored
  | 'plan_mismatch' // the ledger's entries differ from the plan
  | 'system_unknown' // no longer registered
  | 'unreachable' // the target cannot be reached, or refuses every call
  | 'taken_back' // undone on one system, refused on another, therefore put back
  | 'cancelled' // the run was cancelled
  | 'refused' // mode refuse: another step cannot be undone
  | 'skipped_by_person';

/** What the ledger recorded of attempts, read again before each step. Bounded by a vector; effects are decoded from the entries, not from projections. */
export interface StepLedger {
  /** @throws PlannerError `plan_too_large`: more effects than a plan may have */
  recordOf(tenant: string, refs: readonly AttemptRef[], vector: Vector): Promise<AttemptRecords>;
}

export interface AttemptRecords {
  readonly attempts: readonly RecordedAttempt[];
  /** Ascending. */
  readonly effects: readonly RecordedEffect[];
}

/** An event on its way to the ledger. */
export interface OutboxItem {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

export type StepChange = Partial<Omit<StepRecord, 'step'>> & { readonly step: number };

/** One transaction: all of it or nothing. */
export interface Change {
  readonly steps: readonly StepChange[];
  readonly events: readonly OutboxItem[];
  /** Compare-and-set of the run's state; absent: unchanged. `alarm`: why the run must not continue. */
  readonly run?: { readonly from: RunState; readonly to: RunState };
  readonly alarm?: string | null;
  /** Absent: unchanged. */
  readonly waits?: readonly RunWait[];
  /** Milliseconds until the rate allows the next batch, from now. Absent: unchanged. */
  readonly rateFreeMs?: number;
}

/** `lost`: another worker claimed the run. `moved`: a person changed the run or a stuck step meanwhile; load it again. In both cases nothing was
 * written. */
export type Committed =
  | { readonly kind: 'committed'; readonly state: RunState }
  | { readonly kind: 'lost' }
  | { readonly kind: 'moved'; readonly state: RunState };

/**
 * Store of runs. Every write checks the token, renews the lease, and is one transaction with the outbox. Read-after-write. Retryable: `StoreUnavailable`
 * only. A compromise can stop runs or start planned ones, never redirect a step: effects are read again from the ledger's entries.
 */
export interface RunStore {
  /** Claims one run that is not ended, has no live lease, and has no older unfinished run on the same resources. */
  claim(worker: string, leaseMs: number): Promise<Claim | undefined>;
  load(claim: Claim): Promise<RunRecord | undefined>;
  commit(claim: Claim, change: Change): Promise<Committed>;
  /** Renews the lease. @returns the run's state; undefined: the claim was lost */
  renew(claim: Claim): Promise<RunState | undefined>;
  /** @param pauseMs milliseconds before it can be claimed again. */
  release(claim: Claim, pauseMs?: number): Promise<void>;
}

/** Committed events that the ledger has not acknowledged yet, by source, in order. */
export interface Outbox {
  /** Sources with unsent events, without those of runs on which a worker works. */
  sources(limit: number): Promise<readonly { readonly tenant: string; readonly source: string }[]>;
  unsent(tenant: string, source: string, limit: number): Promise<readonly OutboxItem[]>;
  acknowledged(tenant: string, source: string, through: number): Promise<void>;
}

export interface EventReceipt {
  readonly kind: 'appended' | 'duplicate' | 'refused';
  readonly code?: string;
  readonly detail?: string;
}

/** Sends events to the ledger. Resolves after the ledger's commit with one receipt each, in order. Idempotent per (source, id). */
export interface EventTransport {
  send(tenant: string, events: readonly Uint8Array[]): Promise<readonly EventReceipt[]>;
}

/** Sends committed events to the ledger. */
export interface Emitter {
  /**
   * Sends everything of a source that is committed, in order; resolves when all of it is acknowledged. Concurrent calls are safe: the ledger records each
   * event once.
   * @throws RunnerError `ledger_unavailable | event_refused`
   */
  flush(tenant: string, source: string): Promise<void>;
}

/** Registered systems, opened with their own credentials. Kept open between calls. */
export interface Targets {
  /** Undefined: the tenant has no system of this name with this connector. @throws ConnectorError */
  open(tenant: string, system: string, connector: string): Promise<TargetSystem | undefined>;
}

/** Points at which fault tests kill the process. Unset in production. */
export type Failpoint = (point: FailpointName, steps: readonly number[]) => void;
export type FailpointName = `${'claim' | 'inverse' | 'record'}.${'before' | 'after'}`;

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** Everything external that a run needs. */
export interface RunnerPorts {
  readonly store: RunStore;
  readonly plans: PlanItems;
  readonly emitter: Emitter;
  readonly ledger: StepLedger;
  readonly targets: Targets;
  readonly clock: Clock;
  /** 16 random bytes. */
  readonly random16: () => Uint8Array;
  readonly failpoint?: Failpoint;
  /** Called at each claim: the reason why this run must not continue; undefined where it may. */
  readonly objection?: (record: RunRecord, counts: PlanCounts) => Promise<string | undefined>;
  /** A person cancelled the run: inverses under way are ended. */
  readonly cancelled?: AbortSignal;
  /** The process is shutting down: stop at the next safe point. */
  readonly stopping?: () => boolean;
}

export interface RunnerConfig {
  /** Steps of one system that are chosen at once. They are inverted in parts of at most `partSteps` steps or 5,000 rows; a pause, cancel or refusal stops after a part. */
  readonly batchSteps: number;
  readonly partSteps: number;
  /** Calls of an unreachable target before it counts as away; `retryMs` before the second, doubled each time. */
  readonly tries: number;
  readonly retryMs: number;
  /** A system that is away is tried again after `awayRetryMs`, doubled each time up to `awayRetryMsMax`; after `awayMs` its steps wait for a person. */
  readonly awayRetryMs: number;
  readonly awayRetryMsMax: number;
  readonly awayMs: number;
  /** For how long a step whose rows another session holds is tried again before it waits for a person. */
  readonly lockMs: number;
}
export const RUNNER_CONFIG: RunnerConfig = {
  batchSteps: 2_000,
  partSteps: 500,
  tries: 4,
  retryMs: 250,
  awayRetryMs: 2_000,
  awayRetryMsMax: 60_000,
  awayMs: 1_800_000,
  lockMs: 60_000,
};
