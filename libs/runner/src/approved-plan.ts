import { hash } from 'node:crypto';
import { type PlanCounts, type PlanItem, type PlanItems, type PlanStep, planCounter, readPlan } from '@recant/planner';
import { type PlanSummary, summaryReader } from './account.ts';
import { RunnerError } from './error.ts';
import type { RunRecord } from './ports.ts';

/** What a worker keeps of each step: its order, its systems and its size. The rest is read with its batch. */
export interface WorkStep extends Pick<PlanStep, 'step' | 'after'> {
  readonly systems: readonly { readonly system: string; readonly connector: string }[];
  /** Rows and files. */
  readonly resources: number;
}

/** The plan of a run as it was approved. */
export interface ApprovedPlan {
  readonly steps: ReadonlyMap<number, WorkStep>;
  readonly summary: PlanSummary;
  readonly counts: PlanCounts;
  /** Whole steps, in the order of their numbers. @throws RunnerError `plan_changed` if one is not what was approved */
  load(numbers: readonly number[]): Promise<readonly PlanStep[]>;
}

/** Reads the plan once. I8: undefined if it does not have the approved digest any more. */
export async function approvedPlan(items: PlanItems, record: RunRecord): Promise<ApprovedPlan | undefined> {
  const { claim, plan, digest, header } = record;
  const steps = new Map<number, WorkStep>();
  const digests = new Map<number, string>();
  const [counter, summary] = [planCounter(), summaryReader(header)];
  const working = {
    add(list: string, item: PlanItem): void {
      if (list !== 'steps') return;
      const step = item as PlanStep;
      steps.set(step.step, workStep(step));
      digests.set(step.step, digestOf(step));
    },
  };
  const found = await readPlan(items, { tenant: claim.tenant, id: plan, header }, working, counter, summary);
  if (found !== digest) return undefined;
  return {
    steps,
    summary: summary.summary(),
    counts: counter.counts(),
    async load(numbers) {
      const loaded = await items.steps(claim.tenant, plan, numbers);
      const isSame = loaded.length === numbers.length && loaded.every((step) => digests.get(step.step) === digestOf(step));
      if (isSame) return loaded;
      throw new RunnerError('plan_changed', `Steps of plan ${plan} changed after the run was started: they differ from what was approved.`);
    },
  };
}

function workStep({ step, after, systems }: PlanStep): WorkStep {
  return {
    step,
    after,
    systems: systems.map(({ system, connector }) => ({ system, connector })),
    resources: systems.reduce((sum, { knownOrdinals }) => sum + Object.keys(knownOrdinals).length, 0),
  };
}

/** Of a step as it was read: the same stored text gives the same one, and another value another one. */
const digestOf = (step: PlanStep): string => hash('sha256', JSON.stringify(step), 'base64');
