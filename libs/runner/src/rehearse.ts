import { ConnectorError, type InverseResult, type RehearsedStep } from '@recant/connector';
import type { StepOutcome } from '@recant/events';
import { type PlanStep, plainRef, type RecordedEffect, type StepSystem } from '@recant/planner';
import type { StepFinding, Targets } from './ports.ts';
import { hasEnded } from './step-end.ts';
import { endedWell } from './step-machine.ts';

/** A step of a plan, or of one that is being made: `any` asks the systems what it may overwrite. */
export type AskedStep = Omit<PlanStep, 'overwrites'> & { readonly overwrites?: PlanStep['overwrites'] | 'any' };

/** A step that a target would not undo now. */
export interface Refusal {
  readonly step: AskedStep;
  readonly outcome: StepOutcome;
  /** Rights or space are missing at the moment: the step waits for a person at the run. */
  readonly isStuck: boolean;
  /** The system does not answer at the moment. */
  readonly isAway: boolean;
  readonly findings: readonly [StepFinding, ...StepFinding[]];
}

/**
 * Asks each system of these steps what it would refuse, in their order; nothing is changed. A step that must follow a refused one is not named: it waits for
 * that one. A system that does not answer refuses all of its steps as `unreachable`.
 * @param passed called with what systems say about steps that they would undo
 */
export async function rehearseSteps(
  targets: Targets,
  tenant: string,
  steps: readonly AskedStep[],
  effectsOf: (step: AskedStep) => readonly RecordedEffect[],
  passed: (step: AskedStep, findings: readonly StepFinding[]) => void = () => undefined,
): Promise<readonly Refusal[]> {
  const bySystem = new Map<string, { readonly system: StepSystem; readonly steps: AskedStep[] }>();
  for (const step of steps) {
    for (const system of step.systems) {
      const asked = bySystem.get(system.system);
      if (asked) asked.steps.push(step);
      else bySystem.set(system.system, { system, steps: [step] });
    }
  }
  const refused = new Map<number, Refusal>();
  for (const { system, steps: asked } of bySystem.values())
    for (const refusal of await askSystem(targets, tenant, { system, steps: asked, effectsOf, passed }))
      if (!refused.has(refusal.step.step)) refused.set(refusal.step.step, refusal);
  return steps.flatMap((step) => {
    const refusal = refused.get(step.step);
    return refusal && !step.after.some((before) => refused.has(before)) ? [refusal] : [];
  });
}

interface Asking {
  readonly system: StepSystem;
  readonly steps: readonly AskedStep[];
  readonly effectsOf: (step: AskedStep) => readonly RecordedEffect[];
  readonly passed: (step: AskedStep, findings: readonly StepFinding[]) => void;
}

async function askSystem(
  targets: Targets,
  tenant: string,
  { system: { system: name, connector }, steps, effectsOf, passed }: Asking,
): Promise<readonly Refusal[]> {
  const all = (finding: StepFinding, over: Partial<Refusal> = {}): readonly Refusal[] =>
    steps.map((step) => ({ step, outcome: 'failed', isStuck: false, isAway: false, findings: [finding], ...over }));
  const failed = (error: unknown): readonly Refusal[] => {
    const detail = `System ${name} does not answer: ${error instanceof Error ? error.message : String(error)}`.slice(0, 1_000);
    if (!(error instanceof ConnectorError)) return all({ code: 'target_error', system: name, detail }, { isStuck: true });
    return all({ code: 'unreachable', system: name, detail }, { isAway: error.retry });
  };
  let target: Awaited<ReturnType<Targets['open']>>;
  try {
    target = await targets.open(tenant, name, connector);
  } catch (error) {
    // Another error is the service's own, such as a lost connection to its store: it says nothing about the system.
    if (error instanceof ConnectorError) return failed(error);
    throw error;
  }
  if (!target) return all({ code: 'system_unknown', system: name, detail: `System ${name} is not registered.` });
  let results: readonly InverseResult[];
  try {
    results = await target.rehearse(steps.map((step) => rehearsedStep(step, name, effectsOf(step))));
  } catch (error) {
    return failed(error);
  }
  const byStep = new Map(results.map((result) => [result.step, result]));
  return steps.flatMap((step): Refusal[] => {
    const result = byStep.get(step.step);
    if (result && hasEnded(result) && endedWell(result.outcome)) {
      passed(
        step,
        result.findings.map((finding) => ({ ...finding, system: name })),
      );
      return [];
    }
    const [first = { code: 'unreadable', detail: `The connector gave no reason (${result?.outcome ?? 'no result'}).` }, ...rest] =
      result?.findings ?? [];
    const named = [first, ...rest].map((finding): StepFinding => ({ ...finding, system: name }));
    const isStuck = result?.outcome === 'stuck';
    return [
      {
        step,
        outcome: result === undefined || !hasEnded(result) ? 'failed' : result.outcome,
        isStuck,
        isAway: false,
        findings: named as [StepFinding, ...StepFinding[]],
      },
    ];
  });
}

function rehearsedStep(step: AskedStep, name: string, effects: readonly RecordedEffect[]): RehearsedStep {
  const systems = step.systems.filter(({ system }) => system === name);
  return {
    step: step.step,
    undoes: plainRef(step.undoes),
    effects: systems.flatMap((system) => effectsOn(effects, system)).map(plainEffect),
    knownOrdinals: systems.length === 1 && systems[0] ? systems[0].knownOrdinals : mergedOrdinals(systems),
    ...(step.stays && { leaves: step.stays }),
    ...overwritesOf(step),
  };
}

const mergedOrdinals = (systems: readonly StepSystem[]): Record<string, string> =>
  Object.assign({}, ...systems.map(({ knownOrdinals }) => knownOrdinals));

/** What a connector has to know of it. */
export const overwritesOf = ({ overwrites }: Pick<AskedStep, 'overwrites'>): Pick<RehearsedStep, 'overwrites'> =>
  overwrites === undefined
    ? {}
    : {
        overwrites:
          overwrites === 'any'
            ? overwrites
            : overwrites.map(({ resource, part, version, through }) => ({ resource, part, version, through })),
      };

export function effectsOn(effects: readonly RecordedEffect[], { connector, system }: StepSystem): readonly RecordedEffect[] {
  return effects.filter(({ resource, parts }) => Object.keys(parts).length > 0 && resource.startsWith(`${connector}://${system}/`));
}

/** The effect without its place in the ledger. */
export const plainEffect = ({
  attempt: _attempt,
  entry: _entry,
  captured: _captured,
  ...effect
}: RecordedEffect): RehearsedStep['effects'][number] => effect;
