import type { StepFinding } from './ports.ts';
import type { Session, StepMove } from './session.ts';
import { recordEnd, type StepEnd } from './step-end.ts';
import { endedWell } from './step-machine.ts';

/** A system that did not answer or is gone says nothing about conflicts. */
const SYSTEM_AWAY: ReadonlySet<StepFinding['code']> = new Set(['unreachable', 'system_unknown']);

/**
 * Mode `refuse`, once a run has begun to write: a step that its system refuses waits for a person instead of ending, and no further step starts. The steps
 * that were sent together with it are done.
 */
export function endOrHold(session: Session, end: StepEnd, durationMs: number): StepMove {
  const isRefused = session.header.mode === 'refuse' && end.took === false && !endedWell(end.outcome);
  return isRefused ? { step: end.step, event: 'stick', findings: end.findings } : recordEnd(session, end, durationMs);
}

/** Whether a refused step waits for a person. */
export function isHeld({ header, steps }: Session): boolean {
  return (
    header.mode === 'refuse' &&
    steps.some(({ state, findings }) => state === 'stuck' && findings.some(({ code }) => !SYSTEM_AWAY.has(code)))
  );
}
