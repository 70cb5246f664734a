import { canonicalize } from '@recant/events';
import type { PlanBody } from './plan.ts';

/**
 * Whether the plan would be different now: a new attempt matches the selection, or touches a part of a step. Ordinals of other parts of the same
 * resources and reads do not count.
 */
export function isStale(then: PlanBody, now: PlanBody): boolean {
  return essence(then) !== essence(now);
}

function essence({ steps, left, conflicts }: PlanBody): string {
  const essential = {
    steps: steps.map(({ systems, ...step }) => ({ ...step, systems: systems.map(({ knownOrdinals: _known, ...system }) => system) })),
    left: left.map(({ ref, reason }) => ({ ref, reason })),
    conflicts: conflicts.map(({ kind, ref, by }) => ({ kind, ref, by: by?.ref ?? null })),
  };
  return canonicalize(essential);
}
