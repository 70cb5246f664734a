import type { AttemptRef, StepOutcome } from '@recant/events';
import { compareOrdinals, type PlanStep } from '@recant/planner';
import { invert } from './ask.ts';
import { intend } from './intend.ts';
import type { OpenTarget } from './open-targets.ts';
import type { RunnerConfig, RunnerPorts, StepRecord } from './ports.ts';
import { noResult, setAside, stickResults } from './run-batch.ts';
import type { Session } from './session.ts';
import { combineEnds, type EndedResult, type StepEnd, settle } from './step-end.ts';
import { endedWell } from './step-machine.ts';

export interface TakeBack {
  readonly step: PlanStep;
  readonly targets: readonly OpenTarget[];
  /** Results of the inverse, by system. */
  readonly done: ReadonlyMap<string, EndedResult>;
  /** Why the inverse is taken back: the end of the step where taking back succeeds. */
  readonly why: StepEnd;
}

/**
 * A2: inverts the inverse on every system that it changed, last one first. The inverse keeps its own record (effects, then a failed settlement); taking
 * it back is a further attempt, recorded as its inverse.
 */
export async function takeBack(session: Session, ports: RunnerPorts, config: RunnerConfig, taking: TakeBack): Promise<void> {
  const { step, targets, done } = taking;
  const { inverse } = session.step(step.step);
  if (inverse === undefined) throw new Error(`S2: step ${step.step} has no intent`);
  const written = targets.filter(({ system }) => (done.get(system.system)?.effects.length ?? 0) > 0).reverse();
  if (session.step(step.step).takeBack === undefined) await intendTakeBack(session, ports, taking, inverse, written);
  await ports.emitter.flush(session.claim.tenant, session.source);
  const attempt = session.step(step.step).takeBack;
  if (attempt === undefined) throw new Error(`S2: step ${step.step} has no intent to take back`);

  const results: [string, EndedResult][] = [];
  for (const { target, system } of written) {
    const effects = done.get(system.system)?.effects ?? [];
    const known = new Map<string, string>();
    for (const { resource, ordinal } of effects)
      if (compareOrdinals(known.get(resource) ?? '0', ordinal) <= 0) known.set(resource, ordinal);
    const answer = await invert(ports, config, target, {
      run: session.claim.run,
      token: session.claim.token.toString(),
      // A number of its own, so that the target does not answer with the result of the inverse.
      steps: [{ step: session.steps.length + step.step, attempt, undoes: inverse, effects, knownOrdinals: Object.fromEntries(known) }],
    });
    const [result] = answer.results;
    const [waits] = answer.stuck;
    if (waits) return stickResults(session, system.system, [waits]);
    if (!result) return setAside(session, [step], answer.left ?? noResult(system.system));
    results.push([system.system, result]);
  }
  await endTakeBack(session, taking, attempt, results);
}

async function intendTakeBack(
  session: Session,
  ports: RunnerPorts,
  { step, done, why }: TakeBack,
  inverse: AttemptRef,
  written: readonly OpenTarget[],
): Promise<void> {
  settle(
    session,
    inverse,
    [...done.values()].flatMap(({ effects }) => effects),
    why,
    0,
  );
  const attempt = intend(session, ports, {
    step: step.step,
    undoes: inverse,
    tool: 'take_back',
    resources: written.flatMap(({ system }) => Object.keys(system.knownOrdinals)),
  });
  await session.commit([{ step: step.step, event: 'take_back', takeBack: attempt, findings: why.findings }]);
}

async function endTakeBack(
  session: Session,
  { step, why }: TakeBack,
  attempt: AttemptRef,
  results: readonly [string, EndedResult][],
): Promise<void> {
  const failed = results.filter(([, { outcome }]) => !endedWell(outcome));
  const all = combineEnds(step.step, results);
  settle(session, attempt, all.effects, failed.length > 0 ? all : undefined, 0);
  const findings = [
    ...why.findings,
    {
      code: 'taken_back',
      detail: `${PUT_BACK}${results.map(([system]) => system).join(', ')} first, then put back: an attempt is undone on all of its systems or on none.`,
    } as const,
    ...(failed.length > 0 ? all.findings : []),
  ];
  const residue = failed.map(
    ([system]) => `This attempt is undone on ${system} but not on its other systems: putting it back was refused.`,
  );
  const outcome = failed.length > 0 ? 'failed' : why.outcome;
  const isHeld = session.header.mode === 'refuse' && outcome !== 'skipped';
  await session.commit([
    isHeld ? { step: step.step, event: 'stick', findings, residue } : { step: step.step, event: 'end', outcome, findings, residue },
  ]);
}

/** Mode `refuse`: the inverse was put back, or that was refused, and the step waited for a person. */
export function isPutBack({ takeBack, findings }: StepRecord): boolean {
  return takeBack !== undefined && findings.some(({ code, detail }) => code === 'taken_back' && detail.startsWith(PUT_BACK));
}

/** A person has decided: nothing is sent any more. The attempt can be undone by another plan. */
export async function endPutBack(session: Session, { step, findings, residue }: StepRecord, outcome: StepOutcome): Promise<void> {
  await session.commit([{ step, event: 'end', outcome: residue.length > 0 ? 'failed' : outcome, findings, residue }]);
}

const PUT_BACK = 'Undone on ';
