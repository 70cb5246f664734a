import type { FindingCode, TargetSystem } from '@recant/connector';
import type { AttemptRef, RunState, StepOutcome, StepState } from '@recant/events';
import type { LedgerReader, PlanBody } from '@recant/planner';

/** The right to work on one run until the lease ends. `token` grows with each claim of the run; a target and the store refuse lower ones. */
export interface Claim {
  readonly tenant: string;
  readonly run: string;
  readonly token: bigint;
}

/** What a run needs to go on, wherever the last worker left it. */
export interface RunRecord {
  readonly claim: Claim;
  readonly state: RunState;
  readonly plan: string;
  /** Of the plan that was approved. */
  readonly digest: string;
  readonly body: PlanBody;
  /** Producer lane of the run's events. Only the holder of the claim numbers them. */
  readonly source: string;
  /** Number of the next event. */
  readonly sequenceNext: number;
  readonly steps: readonly StepRecord[];
  /** Milliseconds since 1970, UTC: when somebody started it. */
  readonly createdAtMs: number;
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

/** What a step found. `system` and below where it is about one. */
export interface StepFinding {
  readonly code: FindingCode | RunFindingCode;
  readonly detail: string;
  readonly system?: string;
  readonly resource?: string;
  readonly part?: string;
  readonly expected?: string | null;
  readonly found?: string | null;
}
export type RunFindingCode =
  | 'predecessor' // a step that wrote the same parts later did not end well
  | 'plan_mismatch' // the ledger's entries say other than the plan
  | 'system_unknown' // no longer registered
  | 'unreachable' // the target cannot be reached, or answers with an error of its own
  | 'taken_back' // undone on one system, refused on another, so put back
  | 'cancelled' // the run was cancelled
  | 'left_by_person'; // a person skipped it

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
  /** Compare-and-set of the run's state; left out, it stays. `alarm`: why it stands still. */
  readonly run?: { readonly from: RunState; readonly to: RunState };
  readonly alarm?: string | null;
}

/** `lost`: another worker holds the run, nothing was written. `moved`: a person changed the run or a stuck step meanwhile, nothing was written: load
 * again. */
export type Committed =
  | { readonly kind: 'committed'; readonly state: RunState }
  | { readonly kind: 'lost' }
  | { readonly kind: 'moved'; readonly state: RunState };

/**
 * Where runs live. Every write checks the token, renews the lease, and is one transaction with the outbox. Read-after-write. Retry: `StoreUnavailable` only.
 * A compromise of it can stop runs or start planned ones, never redirect a step: effects are read again from the ledger's entries.
 */
export interface RunStore {
  /** Takes one run that somebody may work on: not ended, no live lease, and no older run on the same resources. */
  claim(worker: string, leaseMs: number): Promise<Claim | undefined>;
  load(claim: Claim): Promise<RunRecord | undefined>;
  commit(claim: Claim, change: Change): Promise<Committed>;
  /** False: the claim is lost. */
  renew(claim: Claim): Promise<boolean>;
  /** @param pauseMs nobody claims it for so long. */
  release(claim: Claim, pauseMs?: number): Promise<void>;
}

/** Events that were committed and are not yet acknowledged, by source, in order. */
export interface Outbox {
  /** Sources with something unsent. */
  sources(limit: number): Promise<readonly { readonly tenant: string; readonly source: string }[]>;
  unsent(tenant: string, source: string, limit: number): Promise<readonly OutboxItem[]>;
  acknowledged(tenant: string, source: string, through: number): Promise<void>;
}

export interface EventReceipt {
  readonly kind: 'appended' | 'duplicate' | 'refused';
  readonly code?: string;
  readonly detail?: string;
}

/** Brings events to the ledger. Resolves after the ledger's commit, one receipt each, in order. Idempotent: a source and id is recorded once. */
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
  /** Undefined: no such system is registered for this tenant with this connector. @throws ConnectorError */
  open(tenant: string, system: string, connector: string): Promise<TargetSystem | undefined>;
}

/** Points at which a fault test stops the process. Does nothing in production. */
export type Failpoint = (point: FailpointName, steps: readonly number[]) => void;
export type FailpointName = `${'claim' | 'inverse' | 'readback' | 'record'}.${'before' | 'after'}`;

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** All that a run needs of the outside. */
export interface RunnerPorts {
  readonly store: RunStore;
  readonly emitter: Emitter;
  readonly ledger: LedgerReader;
  readonly targets: Targets;
  readonly clock: Clock;
  /** 16 random bytes. */
  readonly random16: () => Uint8Array;
  readonly failpoint?: Failpoint;
  /** Asked at each claim: why this run must not go on, where it must not. */
  readonly objection?: (record: RunRecord) => Promise<string | undefined>;
  /** The process is shutting down: stop at the next safe point. */
  readonly stopping?: () => boolean;
}

export interface RunnerConfig {
  /** Independent steps of one system that are inverted together. */
  readonly batchSteps: number;
  /** Calls of a target that does not answer, and milliseconds before the second; doubled each time. */
  readonly tries: number;
  readonly retryMs: number;
}
export const RUNNER_CONFIG: RunnerConfig = { batchSteps: 50, tries: 4, retryMs: 250 };
