import type { TargetSystem } from '@recant/connector';
import type { PlanStep, StepSystem } from '@recant/planner';
import { ask, isSilent, type Silent } from './ask.ts';
import type { RunnerConfig, RunnerPorts } from './ports.ts';
import type { Session } from './session.ts';
import { type EndedResult, hasEnded } from './step-end.ts';

export interface OpenTarget {
  readonly target: TargetSystem;
  readonly system: StepSystem;
}

/** Opens every system of a step. */
export async function openTargets(
  session: Session,
  ports: RunnerPorts,
  config: RunnerConfig,
  step: PlanStep,
): Promise<readonly OpenTarget[] | Silent> {
  const opened: OpenTarget[] = [];
  for (const system of step.systems) {
    const target = await ask(ports, config, system.system, () => ports.targets.open(session.claim.tenant, system.system, system.connector));
    if (target === undefined)
      return {
        silent: { code: 'system_unknown', system: system.system, detail: `System ${system.system} is no longer registered.` },
        isAway: false,
      };
    if (isSilent(target)) return target;
    opened.push({ target, system });
  }
  return opened;
}

/** Results of a step that targets have recorded, by system. */
export async function appliedOn(
  session: Session,
  ports: RunnerPorts,
  config: RunnerConfig,
  targets: readonly OpenTarget[],
  step: number,
): Promise<Map<string, EndedResult> | Silent> {
  const done = new Map<string, EndedResult>();
  for (const { target, system } of targets) {
    const answer = await ask(ports, config, system.system, () => target.applied(session.claim.run, [step], session.claim.token.toString()));
    if (isSilent(answer)) return answer;
    const result = answer.find((candidate) => candidate.step === step);
    if (result && hasEnded(result)) done.set(system.system, result);
  }
  return done;
}
