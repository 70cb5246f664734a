import type { InverseOutcome, InverseResult } from '@recant/connector';
import type { AttemptRef, Effect, StepOutcome } from '@recant/events';
import type { StepFinding, StepRecord } from './ports.ts';
import type { Session, StepMove } from './session.ts';
import { addSettlement } from './source-events.ts';
import { endedWell } from './step-machine.ts';

/** The result of a step that does not wait for a person. */
export type EndedResult = InverseResult & { readonly outcome: Exclude<InverseOutcome, 'stuck'> };

export function hasEnded(result: InverseResult): result is EndedResult {
  return result.outcome !== 'stuck';
}

/** Result of the inverse of one step, over all of its systems. */
export interface StepEnd extends Omit<InverseResult, 'outcome' | 'findings'> {
  readonly outcome: StepOutcome;
  readonly findings: readonly StepFinding[];
  /** The inverse took effect, or had nothing to do. Undefined: unknown, so its attempt gets no settlement. */
  readonly took: boolean | undefined;
}

export function endOf(result: EndedResult, system: string): StepEnd {
  return {
    step: result.step,
    outcome: result.outcome,
    findings: result.findings.map((finding) => ({ ...finding, system })),
    residue: result.residue,
    effects: result.effects,
    took: result.outcome === 'undecided' ? undefined : endedWell(result.outcome),
  };
}

/** An end without a write. */
export function endWithout(step: number, outcome: StepOutcome, finding: StepFinding): StepEnd {
  return { step, outcome, findings: [finding], residue: [], effects: [], took: false };
}

/** Ended without being undone. */
export function isBadEnd(record: Pick<StepRecord, 'state' | 'outcome'>): boolean {
  return record.state === 'ended' && !endedWell(record.outcome);
}

/** The end of a step because of one before it. */
export const endAfter = (step: number, by: number): StepEnd =>
  endWithout(step, 'conflicted', { code: 'predecessor', detail: `Step ${by} wrote the same parts later and was not undone.` });

/** One end from the results of all systems of a step; the first bad outcome decides. */
export function combineEnds(step: number, results: readonly (readonly [string, EndedResult])[]): StepEnd {
  const ends = results.map(([system, result]) => endOf(result, system));
  const bad = ends.find(({ outcome }) => !endedWell(outcome));
  const outcomes = ends.map(({ outcome }) => outcome);
  const good: StepOutcome = outcomes.includes('compensated')
    ? 'compensated'
    : outcomes.includes('restored')
      ? 'restored'
      : 'already_undone';
  return {
    step,
    outcome: bad?.outcome ?? good,
    findings: ends.flatMap(({ findings }) => findings),
    residue: ends.flatMap(({ residue }) => residue),
    effects: ends.flatMap(({ effects }) => effects),
    took: ends.some(({ took }) => took === undefined) ? undefined : bad === undefined,
  };
}

/** The move that ends a step; also settles its inverse where one was intended. */
export function recordEnd(session: Session, end: StepEnd, durationMs: number): StepMove {
  const { inverse } = session.step(end.step);
  if (inverse && end.took !== undefined) settle(session, inverse, end.effects, end.took ? undefined : end, durationMs);
  return { step: end.step, event: 'end', outcome: end.outcome, findings: end.findings, residue: end.residue };
}

export function settle(
  session: Session,
  attempt: AttemptRef,
  effects: readonly Effect[],
  failed: Pick<StepEnd, 'outcome' | 'findings'> | undefined,
  durationMs: number,
): void {
  addSettlement(session.events, attempt, {
    effects,
    durationMs,
    ...(failed
      ? {
          failed: {
            code: failed.findings[0]?.code ?? failed.outcome,
            message: failed.findings[0]?.detail ?? `The inverse ended ${failed.outcome}.`,
          },
        }
      : {}),
  });
}
