import type { RowFate } from '@recant/events';
import type { PartGuard, PlanStep, StepSystem } from './plan.ts';
import { fateOf, restoredParts } from './rows.ts';

/** What of a step does not grow with its rows: enough to order it, show it and count. */
export interface StepHead extends Omit<PlanStep, 'systems' | 'stays' | 'changed' | 'overwrites'> {
  readonly systems: readonly SystemHead[];
  /** Rows. Absent: none. */
  readonly stays?: number;
  /** Values. Absent: none. */
  readonly overwrites?: number;
  /** What the step does to its rows, the most of them first; at most CHANGES_MAX. */
  readonly changes: readonly StepChange[];
}

/** Rows and files of a step to which the same happens. */
export interface StepChange {
  readonly fate: RowFate;
  /** Parts that go back. */
  readonly parts: readonly string[];
  readonly rows: number;
  /** The first of them. */
  readonly resources: readonly string[];
}

/** Kinds of change of one step that its head lists, parts and resources that each of them names. */
const CHANGES_MAX = 10;
const PARTS_MAX = 50;
const RESOURCES_MAX = 10;

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
      changes: changesOf(systems.flatMap(({ guards }) => guards)),
    },
    detail: {
      systems: systems.map(({ knownOrdinals, guards }) => ({ knownOrdinals, guards })),
      ...(stays && { stays }),
      ...(changed && { changed }),
      ...(overwrites && { overwrites }),
    },
  };
}

function changesOf(guards: readonly PartGuard[]): readonly StepChange[] {
  const changes = new Map<string, { fate: RowFate; parts: readonly string[]; rows: number; resources: string[] }>();
  for (const [resource, ofOne] of Map.groupBy(guards, (guard) => guard.resource)) {
    const fate = fateOf(ofOne);
    const parts = fate === 'restored' ? restoredParts(ofOne) : [];
    const key = JSON.stringify([fate, parts]);
    const change = changes.get(key) ?? { fate, parts: parts.slice(0, PARTS_MAX), rows: 0, resources: [] };
    changes.set(key, change);
    change.rows++;
    if (change.resources.length < RESOURCES_MAX) change.resources.push(resource);
  }
  return [...changes.values()].sort((a, b) => b.rows - a.rows).slice(0, CHANGES_MAX);
}

/** Undoes `splitStep`. What the head derives from the detail is not used: `splitStep` of the result has it. */
export function joinStep(
  { stays: _stays, overwrites: _overwrites, changes: _changes, systems, ...rest }: StepHead,
  detail: StepDetail,
): PlanStep {
  return {
    ...rest,
    ...detail,
    systems: systems.map(({ system, connector, effects }, at) => {
      const { knownOrdinals = {}, guards = [] } = detail.systems[at] ?? {};
      return { system, connector, effects, knownOrdinals, guards };
    }),
  };
}
