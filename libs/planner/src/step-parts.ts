import type { PlanStep, StepSystem } from './plan.ts';

/** What of a step does not grow with its rows: enough to order it, show it and count. */
export interface StepHead extends Omit<PlanStep, 'systems' | 'stays' | 'changed' | 'overwrites'> {
  readonly systems: readonly SystemHead[];
  /** Rows. Absent: none. */
  readonly stays?: number;
  /** Values. Absent: none. */
  readonly overwrites?: number;
}

export interface SystemHead extends Pick<StepSystem, 'system' | 'connector' | 'effects'> {
  /** Rows and files that the step changes there. */
  readonly resources: number;
}

/** The rest. */
export interface StepDetail extends Pick<PlanStep, 'stays' | 'changed' | 'overwrites'> {
  /** In the order of the head's. */
  readonly systems: readonly Pick<StepSystem, 'knownOrdinals' | 'guards'>[];
}

export function splitStep(step: PlanStep): { readonly head: StepHead; readonly detail: StepDetail } {
  const { systems, stays, changed, overwrites, ...rest } = step;
  return {
    head: {
      ...rest,
      systems: systems.map(({ system, connector, effects, knownOrdinals }) => {
        return { system, connector, effects, resources: Object.keys(knownOrdinals).length };
      }),
      ...(stays && { stays: stays.length }),
      ...(overwrites && { overwrites: overwrites.length }),
    },
    detail: {
      systems: systems.map(({ knownOrdinals, guards }) => ({ knownOrdinals, guards })),
      ...(stays && { stays }),
      ...(changed && { changed }),
      ...(overwrites && { overwrites }),
    },
  };
}

/** Undoes `splitStep`. Counts of the head are not used: `splitStep` of the result has them. */
export function joinStep({ stays: _stays, overwrites: _overwrites, systems, ...rest }: StepHead, detail: StepDetail): PlanStep {
  return {
    ...rest,
    ...detail,
    systems: systems.map(({ system, connector, effects }, at) => {
      const { knownOrdinals = {}, guards = [] } = detail.systems[at] ?? {};
      return { system, connector, effects, knownOrdinals, guards };
    }),
  };
}
