import { type Alternative, headsOf, type PlanDraft } from './plan.ts';
import { refKey } from './ref.ts';
import { sum } from './totals.ts';

/**
 * A plan in short, to be compared with others. Mode `refuse` with conflicts does nothing; its `undone` is what it shows.
 * @param overwrites attempts, by `refKey`, that mode `force` undoes past the work of others
 */
export function alternativeOf({ mode, partial, steps, totals }: PlanDraft, overwrites: ReadonlySet<string> = new Set()): Alternative {
  let [dependents, forced] = [0, 0];
  for (const { cascaded, undoes } of headsOf(steps)) {
    if (cascaded) dependents += 1;
    if (overwrites.has(refKey(undoes))) forced += 1;
  }
  return {
    mode,
    ...(partial && { partial }),
    undone: steps.length - dependents,
    left: totals.tools.reduce((all, { left }) => all + left, 0),
    dependents,
    ...(mode === 'force' && { forced }),
    rows: sum(totals.undone),
    rowsStay: sum(totals.stays),
  };
}
