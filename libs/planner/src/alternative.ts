import type { Alternative, PlanBody } from './plan.ts';
import { refKey } from './ref.ts';
import { sum } from './totals.ts';

/** A plan in short, to be compared with others. Mode `refuse` with conflicts does nothing; its `undone` is what it shows. */
/** @param overwrites attempts, by `refKey`, that mode `force` undoes past the work of others */
export function alternativeOf({ mode, partial, steps, totals }: PlanBody, overwrites: ReadonlySet<string> = new Set()): Alternative {
  const dependents = steps.filter(({ cascaded }) => cascaded).length;
  return {
    mode,
    ...(partial && { partial }),
    undone: steps.length - dependents,
    left: totals.tools.reduce((all, { left }) => all + left, 0),
    dependents,
    ...(mode === 'force' && { forced: steps.filter(({ undoes }) => overwrites.has(refKey(undoes))).length }),
    rows: sum(totals.undone),
    rowsStay: sum(totals.stays),
  };
}
