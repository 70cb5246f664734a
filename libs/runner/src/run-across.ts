import type { InverseResult } from '@recant/connector';
import type { StepOutcome } from '@recant/events';
import type { PlanStep, RecordedEffect } from '@recant/planner';
import { invert, isSilent, type Silent } from './ask.ts';
import { checkSteps } from './check-step.ts';
import { endOrHold } from './held.ts';
import { appliedOn, type OpenTarget, openTargets } from './open-targets.ts';
import type { RunnerConfig, RunnerPorts } from './ports.ts';
import { effectsOn, rehearseSteps } from './rehearse.ts';
import { inverseStep, noResult, setAside, startSteps, stickResults } from './run-batch.ts';
import type { Session } from './session.ts';
import { combineEnds, type EndedResult, endOf, endWithout, recordEnd, type StepEnd } from './step-end.ts';
import { endedWell } from './step-machine.ts';
import { endPutBack, isPutBack, takeBack } from './take-back.ts';

const REFUSED = { code: 'taken_back', detail: 'A system refused the inverse.' } as const;
/** How the attempt on all systems ended. `takeBack`: some systems are undone, one refused. */
type Inverted =
  | { readonly kind: 'done' | 'undecided' }
  | { readonly kind: 'stuck'; readonly silent: Silent }
  | { readonly kind: 'waits'; readonly system: string; readonly result: InverseResult }
  | { readonly kind: 'refused'; readonly why: StepEnd };

/**
 * One step on several systems. No transaction spans them, so:
 * A1 the step is rehearsed on all systems before the first write;
 * A2 where a system refuses after another was written, the inverse of the inverse puts that one back, as an attempt of its own;
 * A3 every system is asked for its recorded results (`applied`) before anything is sent, so any worker resumes from any point.
 */
export async function runAcross(session: Session, ports: RunnerPorts, config: RunnerConfig, step: PlanStep): Promise<void> {
  const startedMs = ports.clock.now();
  const known = session.step(step.step);
  if (isPutBack(known)) return endPutBack(session, known, outcomeBefore(known.findings));
  const targets = await openTargets(session, ports, config, step);
  if (isSilent(targets)) return setAside(session, [step], targets);
  const record = session.step(step.step);
  const done = record.inverse ? await appliedOn(session, ports, config, targets, step.step) : new Map<string, EndedResult>();
  if (isSilent(done)) return setAside(session, [step], done);
  const end = (ended: StepEnd): Promise<void> => commitEnd(session, ports, ended, startedMs);
  const putBack = (why: StepEnd): Promise<void> => takeBack(session, ports, config, { step, targets, done, why });
  if (record.takeBack) return putBack(endWithout(step.step, outcomeBefore(record.findings), record.findings[0] ?? REFUSED));

  const checked = await checkSteps(session, ports, [step]);
  const refusal = checked.refused.get(step.step);
  if (refusal) return (done.size === 0 ? end : putBack)(endWithout(step.step, 'failed', refusal));
  if (done.size === 0) {
    const conflict = await rehearse(session, ports, step, checked.effects.get(step.step) ?? []);
    if (conflict && isSilent(conflict)) return setAside(session, [step], conflict);
    if (conflict) return end(conflict);
  }
  await startSteps(session, ports, [step]);
  await ports.emitter.flush(session.claim.tenant, session.source);

  const inverted = await invertAll(session, ports, config, { step, targets, effects: checked.effects.get(step.step) ?? [], done });
  if (inverted.kind === 'stuck') return setAside(session, [step], inverted.silent);
  if (inverted.kind === 'waits') return stickResults(session, inverted.system, [inverted.result]);
  if (inverted.kind === 'undecided') return end(combineEnds(step.step, [...done]));
  if (inverted.kind === 'refused')
    return [...done.values()].some(({ effects }) => effects.length > 0) ? putBack(inverted.why) : end(inverted.why);
  return end(combineEnds(step.step, [...done]));
}

interface Inverting {
  readonly step: PlanStep;
  readonly targets: readonly OpenTarget[];
  readonly effects: readonly RecordedEffect[];
  /** Results by system; added to. */
  readonly done: Map<string, EndedResult>;
}

async function invertAll(session: Session, ports: RunnerPorts, config: RunnerConfig, inverting: Inverting): Promise<Inverted> {
  const { step, targets, effects, done } = inverting;
  for (const { target, system } of targets) {
    if (done.has(system.system)) continue;
    ports.failpoint?.('inverse.before', [step.step]);
    const inverse = inverseStep(session, { ...step, systems: [system] }, effectsOn(effects, system));
    const token = session.claim.token.toString();
    const answer = await invert(ports, config, target, { run: session.claim.run, token, steps: [inverse], signal: ports.cancelled });
    ports.failpoint?.('inverse.after', [step.step]);
    const [waits] = answer.stuck;
    if (waits) return { kind: 'waits', system: system.system, result: waits };
    const [result] = answer.results;
    if (!result) return { kind: 'stuck', silent: answer.left ?? noResult(system.system) };
    if (result.outcome !== 'undecided' && !endedWell(result.outcome)) return { kind: 'refused', why: endOf(result, system.system) };
    done.set(system.system, result);
    if (result.outcome === 'undecided') return { kind: 'undecided' };
  }
  return { kind: 'done' };
}

async function commitEnd(session: Session, ports: RunnerPorts, ended: StepEnd, startedMs: number): Promise<void> {
  ports.failpoint?.('record.before', [ended.step]);
  await session.commit([endOrHold(session, ended, ports.clock.now() - startedMs)]);
  ports.failpoint?.('record.after', [ended.step]);
}

/** A1. */
async function rehearse(
  session: Session,
  ports: RunnerPorts,
  step: PlanStep,
  effects: readonly RecordedEffect[],
): Promise<StepEnd | Silent | undefined> {
  const [refusal] = await rehearseSteps(ports.targets, session.claim.tenant, [step], () => effects);
  if (!refusal) return undefined;
  const [first] = refusal.findings;
  if (first.code === 'unreachable' || refusal.isStuck) return { silent: first, isAway: refusal.isAway };
  return { ...endWithout(step.step, refusal.outcome, first), findings: refusal.findings };
}

/** The outcome for which another worker began to take the inverse back. */
function outcomeBefore(findings: readonly { readonly code: string }[]): StepOutcome {
  return findings.some(({ code }) => code === 'plan_mismatch' || code === 'not_registered')
    ? 'failed'
    : findings.some(({ code }) => code === 'skipped_by_person')
      ? 'skipped'
      : 'conflicted';
}

/** A person skipped this step: only what puts back a half-done inverse is still sent. */
export async function runSkipping(session: Session, ports: RunnerPorts, config: RunnerConfig, step: PlanStep): Promise<void> {
  const skipped = { code: 'skipped_by_person', detail: 'A person skipped this step.' } as const;
  const record = session.step(step.step);
  const end = (ended: StepEnd): Promise<void> => session.commit([recordEnd(session, ended, 0)]);
  if (isPutBack(record)) return endPutBack(session, record, 'skipped');
  if (record.inverse === undefined) return end(endWithout(step.step, 'skipped', skipped));
  const targets = await openTargets(session, ports, config, step);
  const done = isSilent(targets) ? targets : await appliedOn(session, ports, config, targets, step.step);
  if (isSilent(targets) || isSilent(done))
    return end({ ...endWithout(step.step, 'undecided', skipped), took: undefined, findings: [skipped, ...record.findings] });
  if (done.size === 0) return end(endWithout(step.step, 'skipped', skipped));
  if (done.size === targets.length && !record.takeBack) return end(combineEnds(step.step, [...done]));
  return takeBack(session, ports, config, { step, targets, done, why: endWithout(step.step, 'skipped', skipped) });
}
