import type { Alternative, PlanBody } from './plan.ts';
import { sum } from './totals.ts';

/** A plan in short, to be compared with others. Mode `refuse` with conflicts does nothing; its `undone` is what it shows. */
export function alternativeOf({ mode, partial, steps, totals }: PlanBody): Alternative {
  const dependents = steps.filter(({ cascaded }) => cascaded).length;
  return {
    mode,
    ...(partial && { partial }),
    undone: steps.length - dependents,
    left: totals.tools.reduce((all, { left }) => all + left, 0),
    dependents,
    rows: sum(totals.undone),
    rowsStay: sum(totals.stays),
  };
}
