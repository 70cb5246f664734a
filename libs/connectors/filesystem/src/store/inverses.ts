import type { StepRecord } from './record.ts';

/** Which effects an inverse that is itself in effect has undone. */
export interface Inverses {
  addStep(record: StepRecord): void;
  /** The effect is undone, or is that of an inverse in effect: the two cancel out, and neither counts as a later write. */
  isCancelled(ordinal: number): boolean;
}

interface Step {
  readonly number: number;
  readonly ordinals: readonly number[];
}

export function createInverses(): Inverses {
  const undoneBy = new Map<number, Step[]>();
  const stepOf = new Map<number, Step>();
  let steps = 0;
  /** A step undoes only earlier effects, so recursion ends. */
  const isStanding = (step: Step): boolean => !step.ordinals.some((ordinal) => isUndone(ordinal, step.number));
  const isUndone = (ordinal: number, after: number): boolean =>
    (undoneBy.get(ordinal) ?? []).some((step) => step.number > after && isStanding(step));
  return {
    addStep({ outcome, es, undid }) {
      if (outcome !== 'restored' && outcome !== 'already_undone') return;
      steps += 1;
      const step = { number: steps, ordinals: es.map(({ o }) => o) };
      for (const ordinal of undid) undoneBy.set(ordinal, [...(undoneBy.get(ordinal) ?? []), step]);
      for (const ordinal of step.ordinals) stepOf.set(ordinal, step);
    },
    isCancelled(ordinal) {
      const own = stepOf.get(ordinal);
      return isUndone(ordinal, 0) || (own !== undefined && isStanding(own));
    },
  };
}
