import type { StepOutcome } from '@recant/events';
import type { PlanBody } from '@recant/planner';
import type { StepRecord } from './ports.ts';
import { endedWell } from './step-machine.ts';

/** The plan's share of an account. */
export interface PlanSummary {
  /** Attempts in the selection. */
  readonly selected: number;
  /** Selected attempts without a step, by reason. */
  readonly left: Readonly<Record<string, number>>;
  /** Other attempts that read a value which would be undone. */
  readonly tainted: number;
}

/** Result of a run, so far or final. */
export interface Account extends PlanSummary {
  /** Ended steps by outcome. */
  readonly outcomes: Readonly<Partial<Record<StepOutcome, number>>>;
  /** Steps that have not ended. */
  readonly open: number;
  readonly residue: readonly string[];
  readonly fullyRestored: boolean;
}

/** Lines of residue in an account; each step stores all of its own. */
const RESIDUE_MAX = 1_000;
/** Reasons that do not prevent "fully restored": the attempt had no effect, or has none any more. */
const HARMLESS = new Set(['no_effect', 'already_undone', 'cancelled_out']);

export function summarize(body: PlanBody): PlanSummary {
  const left: Record<string, number> = {};
  for (const { reason } of body.left) left[reason] = (left[reason] ?? 0) + 1;
  return {
    selected: body.steps.length + body.left.length,
    left,
    tainted: new Set(body.tainted.map(({ ref }) => `${ref.source} ${ref.action} ${ref.attempt}`)).size,
  };
}

export function accountOf(plan: PlanSummary, steps: readonly Pick<StepRecord, 'state' | 'outcome' | 'residue'>[]): Account {
  const outcomes: Partial<Record<StepOutcome, number>> = {};
  for (const { outcome } of steps) if (outcome !== undefined) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const open = steps.filter((step) => step.state !== 'ended').length;
  const allWell = steps.every(({ outcome }) => outcome !== 'compensated' && endedWell(outcome));
  return {
    ...plan,
    outcomes,
    open,
    residue: steps.flatMap((step) => step.residue).slice(0, RESIDUE_MAX),
    fullyRestored: open === 0 && allWell && Object.keys(plan.left).every((reason) => HARMLESS.has(reason)),
  };
}
