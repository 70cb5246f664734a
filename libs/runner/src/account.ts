import type { StepOutcome, UnverifiedReason, Verdict } from '@recant/events';
import {
  headsOf,
  type ItemReader,
  PLAN_LISTS,
  type PlanDraft,
  type PlanHeader,
  type PlanItem,
  type PlanList,
  type PlanStepHead,
  refKey,
} from '@recant/planner';
import type { StepRecord } from './ports.ts';
import { endedWell } from './step-machine.ts';

/** The plan's share of an account. */
export interface PlanSummary {
  /** Attempts in the selection. */
  readonly selected: number;
  /** Selected attempts without a step, by reason. */
  readonly left: Readonly<Record<string, number>>;
  /** Steps whose effects only the agent's own process reported. */
  readonly claimed: number;
  /** Steps of attempts that also have effects that nothing recorded. */
  readonly unknown: number;
  /** What the plan’s record lacks, accepted or not. Absent: nothing. */
  readonly missing?: number;
  /** Steps of attempts of which something stays that cannot be undone. */
  readonly remains: number;
  /** Steps of attempts of which rows in conflict stay, and these rows. Absent: none. */
  readonly partial?: number;
  readonly rowsStay?: number;
  /** Steps of attempts that nobody selected: dependents. Absent: none. */
  readonly cascaded?: number;
  /** Tables that the selected agents could write and whose changes were not captured. */
  readonly uncaptured: number;
  /** Other attempts that read a value which would be undone. */
  readonly tainted: number;
  /** Steps of attempts that also have ambiguous changes, which stay. */
  readonly ambiguous: number;
}

/** Result of a run, so far or final. */
export interface Account extends Omit<PlanSummary, 'claimed' | 'unknown' | 'missing' | 'uncaptured' | 'remains' | 'ambiguous' | 'partial'> {
  /** Later values of others that were overwritten (mode `force`); the steps' findings name each. Absent: none. */
  readonly overwritten?: number;
  /** Ended steps by outcome. */
  readonly outcomes: Readonly<Partial<Record<StepOutcome, number>>>;
  /** Steps that have not ended. */
  readonly open: number;
  readonly residue: readonly string[];
  /** Over every selected attempt; an open step counts as not restored. */
  readonly verdict: Verdict;
  /** Selected attempts, and things that the record lacks, that prevent `fully_restored` although nothing failed, by reason. */
  readonly unverified: Readonly<Partial<Record<UnverifiedReason, number>>>;
}

/** Lines of residue in an account; each step stores all of its own. */
const RESIDUE_MAX = 1_000;
/** Reasons that leave nothing behind that is known of: the attempt had no effect, has none any more, or only effects that nothing recorded. */
const HARMLESS: ReadonlySet<string> = new Set(['no_effect', 'already_undone', 'cancelled_out', 'effects_unknown']);

export function summarize(body: PlanDraft): PlanSummary {
  const reader = summaryReader(body);
  for (const list of PLAN_LISTS) {
    if (list === 'steps') for (const step of headsOf(body.steps)) reader.addStep(step);
    else for (const item of body[list]) reader.add(list, item);
  }
  return reader.summary();
}

/** Summarizes a plan item by item. */
export interface SummaryReader extends ItemReader {
  addStep(step: PlanStepHead): void;
  summary(): PlanSummary;
}

export function summaryReader({ watermark, uncaptured = [] }: Pick<PlanHeader, 'watermark' | 'uncaptured'>): SummaryReader {
  const of = { steps: 0, cascaded: 0, claimed: 0, unknown: 0, remains: 0, partial: 0 };
  const left: Record<string, number> = {};
  const stays = new Set<string>();
  const [apart, stepped, tainted] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const addStep = (step: PlanStepHead): void => {
    of.steps++;
    if (step.cascaded) of.cascaded++;
    if (step.grade === 'claimed') of.claimed++;
    if (step.unknown !== undefined) of.unknown++;
    if (step.remains !== undefined) of.remains++;
    if (step.stays !== undefined) of.partial++;
    for (const resource of step.stays ?? []) stays.add(resource);
    if (apart.has(refKey(step.undoes))) stepped.add(refKey(step.undoes));
  };
  const readers: { readonly [L in PlanList]: (item: PlanItem<L>) => void } = {
    ambiguous: ({ ref }) => void apart.add(refKey(ref)),
    conflicts: () => undefined,
    left({ reason }) {
      left[reason] = (left[reason] ?? 0) + 1;
    },
    steps: addStep,
    tainted: ({ ref }) => void tainted.add(refKey(ref)),
  };
  return {
    addStep,
    add: (list, item) => readers[list](item),
    summary() {
      const missing = watermark?.missing.length ?? 0;
      const undone = Object.values(left).reduce((sum, attempts) => sum + attempts, 0);
      return {
        selected: of.steps - of.cascaded + undone,
        ...(of.partial > 0 && { partial: of.partial, rowsStay: stays.size }),
        ...(of.cascaded > 0 && { cascaded: of.cascaded }),
        left,
        claimed: of.claimed,
        unknown: of.unknown,
        ...(missing > 0 && { missing }),
        uncaptured: uncaptured.length,
        remains: of.remains,
        ambiguous: stepped.size,
        tainted: tainted.size,
      };
    },
  };
}

export function accountOf(plan: PlanSummary, steps: readonly Pick<StepRecord, 'state' | 'outcome' | 'residue' | 'findings'>[]): Account {
  const outcomes: Partial<Record<StepOutcome, number>> = {};
  for (const { outcome } of steps) if (outcome !== undefined) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const { claimed, unknown, missing = 0, uncaptured = 0, remains, ambiguous, partial = 0, ...summary } = plan;
  // Counted once: an attempt without a step is in `left` already.
  const left = {
    ...summary.left,
    ...(remains > 0 && { irreversible: (summary.left.irreversible ?? 0) + remains }),
    ...(partial > 0 && { skipped: (summary.left.skipped ?? 0) + partial }),
    ...(ambiguous > 0 && { ambiguous: (summary.left.ambiguous ?? 0) + ambiguous }),
  };
  const unrecorded = unknown + (summary.left.effects_unknown ?? 0);
  const passed = steps.filter(
    ({ outcome, findings }) => outcome !== undefined && endedWell(outcome) && findings.some(({ code }) => code === 'capture_incomplete'),
  ).length;
  const incomplete = passed + uncaptured;
  const overwriting = steps
    .filter(({ outcome }) => outcome !== undefined && endedWell(outcome))
    .map(({ findings }) => findings.filter(({ code }) => code === 'overwritten').length)
    .filter((found) => found > 0);
  const unverified = {
    ...(claimed > 0 && { claimed }),
    ...(unrecorded > 0 && { effects_unknown: unrecorded }),
    ...(incomplete > 0 && { capture_incomplete: incomplete }),
    ...(missing > 0 && { record_incomplete: missing }),
    ...(overwriting.length > 0 && { overwritten: overwriting.length }),
  };
  return {
    ...summary,
    ...(overwriting.length > 0 && { overwritten: overwriting.reduce((sum, found) => sum + found) }),
    left,
    outcomes,
    open: steps.filter((step) => step.state !== 'ended').length,
    residue: steps.flatMap((step) => step.residue).slice(0, RESIDUE_MAX),
    verdict: verdictOf(steps.length, outcomes, left, unverified),
    unverified,
  };
}

/** A compensated step leaves residue, so it counts as done, but not as restored. */
function verdictOf(steps: number, outcomes: Account['outcomes'], left: PlanSummary['left'], unverified: Account['unverified']): Verdict {
  const restored = (outcomes.restored ?? 0) + (outcomes.already_undone ?? 0);
  if (restored + (outcomes.compensated ?? 0) === 0) return 'not_restored';
  const isComplete = restored === steps && Object.keys(left).every((reason) => HARMLESS.has(reason));
  if (!isComplete) return 'partly_restored';
  return Object.keys(unverified).length > 0 ? 'restored_unverified' : 'fully_restored';
}
