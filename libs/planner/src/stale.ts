import { canonicalize } from '@recant/events';
import type { PlanBody } from './plan.ts';

/**
 * Whether the same question has another answer now: an attempt came in that the selection takes, or one that touches a part of a step. Ordinals of
 * other parts of the same resources do not matter, nor does who read what.
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
