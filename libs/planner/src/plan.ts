import type { AttemptRef, ConflictKind, Grade, LeftReason, PlanMode, StepMode } from '@recant/events';
import type { DerivedParts } from './derived.ts';
import type { Missing } from './missing/missing.ts';
import { unaccepted, type Watermark } from './missing/watermark.ts';
import type { Selection } from './selection/selection.ts';

/**
 * A plan is durable and deterministic: the same ledger, vector, selection, mode and answers of the targets give the same bytes. An answer of a target is
 * dated (`askedAtMs`): everything without a date follows from the ledger.
 * `digest` = lower-case hex SHA-256 of the canonical JSON (RFC 8785) of `body`. It is stored as a header and rows: see `PLAN_LISTS`.
 */
export interface Plan {
  readonly id: string;
  readonly digest: string;
  readonly body: PlanBody;
}

export interface PlanBody {
  readonly version: 1;
  readonly tenant: string;
  readonly mode: PlanMode;
  readonly selection: Selection;
  /** Sizes of the logs, by shard, decimal. */
  readonly vector: Readonly<Record<string, string>>;
  /** Highest sequence number of the selected attempts of each source. */
  readonly sources: Readonly<Record<string, number>>;
  /** In execution order. */
  readonly steps: readonly PlanStep[];
  /** Selected attempts that get no step, and why. */
  readonly left: readonly LeftAttempt[];
  /** Why the plan cannot run (mode `refuse`), or why attempts were skipped, or rows of them stay (other modes). */
  readonly conflicts: readonly Conflict[];
  /** Ambiguous changes of selected attempts that nobody selected: they stay. */
  readonly ambiguous: readonly AmbiguousChanges[];
  /** How far the record reaches, and what it lacks. Absent: the plan was made from the ledger alone. */
  readonly watermark?: Watermark;
  /** Tables that the selected agents could write and whose changes were not captured: what they changed there is not known. Absent: none. */
  readonly uncaptured?: readonly UncapturedInTarget[];
  /** Parts that recorded effects have and that their systems compute themselves by now: the plan leaves them out. Absent: none. */
  readonly derived?: readonly DerivedParts[];
  readonly totals: PlanTotals;
  /** What other modes would do. Absent: the plan has no conflict and overwrites nothing. */
  readonly alternatives?: readonly Alternative[];
  /** Modes of single attempts. Absent: all have the plan's. */
  readonly overrides?: readonly PlanOverride[];
  /** Rows in conflict stay, and the other rows of their attempt are undone. */
  readonly partial?: true;
  /** Attempts that read what is undone are undone as well, in mode `cascade`. */
  readonly throughReads?: true;
  /** Other attempts that may have built on what is undone: they read such a value, or changed the resource afterwards. A lower bound. */
  readonly tainted: readonly Taint[];
}

/** Steps in execution order. An array is one; where steps are made as they are read, nothing holds them all, and reading them again makes them again, the same. */
export interface StepList extends Iterable<PlanStep> {
  readonly length: number;
  /** The steps without their rows, in order: cheaper to make. Absent: an array has them whole. */
  heads?(): Iterable<PlanStepHead>;
}
export type PlanStepHead = Omit<PlanStep, 'systems'>;

export const headsOf = (steps: StepList): Iterable<PlanStepHead> => steps.heads?.() ?? steps;

/** A plan whose steps are made as they are read. */
export interface PlanDraft extends Omit<PlanBody, 'steps'> {
  readonly steps: StepList;
}

/** What grows with the selection: stored one row an item, and read in pages. In the order of canonical JSON. */
export const PLAN_LISTS = ['ambiguous', 'conflicts', 'left', 'steps', 'tainted'] as const satisfies readonly (keyof PlanBody)[];
export type PlanList = (typeof PLAN_LISTS)[number];
export type PlanItem<L extends PlanList = PlanList> = PlanBody[L][number];
export type PlanHeader = Omit<PlanBody, PlanList>;

/** Rows or files by what the attempts did to them. */
export interface Rows {
  readonly created: number;
  readonly deleted: number;
  readonly changed: number;
}

/** One table or folder. */
export interface ScopeTotals {
  /** What its resources start with. */
  readonly scope: string;
  /** The attempts' work that goes back: created ones are removed, deleted ones come back, changed ones are restored. */
  readonly undone: Rows;
  /** The selected attempts' work that stays, wholly or in part. */
  readonly stays: Rows;
}

export interface ToolTotals {
  readonly agent: string;
  readonly tool: string;
  /** Attempts. */
  readonly undone: number;
  readonly left: number;
}

/** What a plan would do, counted. Each row counts once: as one that stays where any of it stays. */
export interface PlanTotals {
  readonly undone: Rows;
  readonly stays: Rows;
  /** Rows of `undone` that tools declared compensable: a residue stays. */
  readonly compensated: number;
  /** What deletes or keeps deleted first: by rows that stay deleted, rows that stay, rows deleted, and rows that go back. */
  readonly scopes: readonly ScopeTotals[];
  /** Scopes that are not listed. */
  readonly scopesMore: number;
  /** Most attempts that stay first. */
  readonly tools: readonly ToolTotals[];
  readonly toolsMore: number;
}

/** A mode for the selected attempts that meet a condition, which has the form of `printCondition`. */
export interface PlanOverride {
  readonly mode: StepMode;
  readonly where: string;
  /** Selected attempts that have the mode. */
  readonly attempts: number;
}

/** A later value of somebody else that a step overwrites, because a person forced it. The run overwrites nothing else. */
export interface Overwrite {
  readonly resource: string;
  readonly part: string;
  /** The version that is lost; another one at the run is a conflict. */
  readonly version: string | null;
  /** Ordinal of the last write by somebody else that the person has seen. */
  readonly through: string;
  /** Who wrote it, as the target captured it, and when. */
  readonly who: string;
  /** Who it was, by the ledger. Absent: nobody recorded it. */
  readonly by?: { readonly ref: AttemptRef; readonly agent: string; readonly tool: string };
  /** With the values, where they are short and may be shown. */
  readonly detail: string;
}

export interface Alternative {
  readonly mode: PlanMode;
  readonly partial?: true;
  /** Selected attempts that are undone, and that are left with something that stays. */
  readonly undone: number;
  readonly left: number;
  /** Attempts of others that are undone as well. */
  readonly dependents: number;
  /** Mode `force`: attempts of `undone` that overwrite later values of others, and these values. */
  readonly forced?: number;
  readonly overwrites?: number;
  /** Rows. */
  readonly rows: number;
  readonly rowsStay: number;
  /** From the ledger alone: the targets were not asked, which may know of further conflicts; `overwrites` is absent. Absent: they were asked. */
  readonly estimated?: true;
}

export interface PlanStep {
  /** From 1. */
  readonly step: number;
  readonly undoes: AttemptRef;
  readonly agent: string;
  readonly tool: string;
  readonly grade: Grade;
  /** Effects of the attempt that the step does not undo, because nothing recorded them, or they were only counted; absent if there are none. */
  readonly unknown?: string;
  /** What stays of the attempt although its captured effects are undone, because its agent's own record prevents it; absent if nothing does. */
  readonly remains?: string;
  /** Not selected: a dependent of a selected attempt, which is undone with it. */
  readonly cascaded?: true;
  /** Resources of the attempt that are in conflict: the step leaves them as they are. Absent: none. */
  readonly stays?: readonly string[];
  /** Those of `stays` that a target refused. */
  readonly changed?: readonly string[];
  /** Later values of others that the step overwrites (mode `force`). Absent: none. */
  readonly overwrites?: readonly Overwrite[];
  /** Systems of the step, in the order in which their inverses are applied. */
  readonly systems: readonly StepSystem[];
  /** Steps that must be restored before this one, because they wrote the same parts later. */
  readonly after: readonly number[];
}

export interface StepSystem {
  readonly system: string;
  readonly connector: string;
  readonly effects: number;
  /** Highest ordinal known of each resource the step touches (see InverseStep.knownOrdinals). */
  readonly knownOrdinals: Readonly<Record<string, string>>;
  /** Expected version (`after`) and restored version (`before`) of each part, over all effects of the attempt; `null` is absent. */
  readonly guards: readonly PartGuard[];
}
export interface PartGuard {
  readonly resource: string;
  readonly part: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface LeftAttempt {
  readonly ref: AttemptRef;
  readonly agent: string;
  readonly tool: string;
  readonly reason: LeftReason;
  readonly detail: string;
}

export interface Conflict {
  readonly kind: ConflictKind;
  /** The selected attempt that cannot be undone. */
  readonly ref: AttemptRef;
  readonly agent: string;
  readonly tool: string;
  readonly resource?: string;
  readonly part?: string;
  /** The attempt that wrote it later. */
  readonly by?: { readonly ref: AttemptRef; readonly agent: string; readonly tool: string };
  readonly detail: string;
  /** When the target answered, in milliseconds since 1970, UTC; absent: the conflict follows from the ledger. */
  readonly askedAtMs?: number;
  /** A person set a mode for the attempt that leaves it out: the conflict does not stop a plan in mode `refuse`. */
  readonly passed?: true;
}

/** Changes during an attempt that somebody else may have made. */
export interface AmbiguousChanges {
  readonly ref: AttemptRef;
  readonly agent: string;
  readonly tool: string;
  readonly changes: number;
  /** The first of them. */
  readonly resources: readonly string[];
}

/** A table that a system did not know yet, or does not know, and who could write it. */
export interface UncapturedInTarget {
  readonly system: string;
  readonly table: string;
  readonly logins: readonly string[];
  /** RFC 3339: since when it may exist, and when its capture began. */
  readonly from: string;
  readonly to?: string;
  /** It does not exist any more: what was dropped with it is unknown. */
  readonly dropped?: boolean;
}

/** How many reasons a plan in mode `refuse` has not to run. An attempt that is open is a conflict already. */
export const obstaclesOf = ({ conflicts, watermark }: Pick<PlanBody, 'conflicts' | 'watermark'>): number =>
  stoppingIn({ conflicts }).length + missingIn({ watermark }).length;

/** Conflicts that stop a plan in mode `refuse`. */
export const stoppingIn = ({ conflicts }: Pick<PlanBody, 'conflicts'>): readonly Conflict[] => conflicts.filter(({ passed }) => !passed);

/** What the record of a plan lacks and nobody accepted, beside its conflicts. */
export const missingIn = ({ watermark }: { readonly watermark?: Watermark | undefined }): readonly Missing[] =>
  watermark === undefined ? [] : unaccepted(watermark).filter(({ kind }) => kind !== 'open_attempt');

export interface Taint {
  readonly ref: AttemptRef;
  readonly agent: string;
  readonly tool: string;
  readonly resource: string;
  /** That it read, or changed. */
  readonly parts: readonly string[];
  /** It changed the resource after a step's attempt had, without a recorded read. Absent: it read a value that is undone. */
  readonly wrote?: true;
}
