import { type Alternative, headsOf, type PlanDraft } from './plan.ts';
import { refKey } from './ref.ts';
import { sum } from './totals.ts';

/**
 * A plan in short, to be compared with others. Mode `refuse` with conflicts does nothing; its `undone` is what it shows.
 * @param estimate the plan was made without asking the targets: the attempts, by `refKey`, that mode `force` undoes past the work of others, as far as is known
 */
export function alternativeOf({ mode, partial, steps, totals }: PlanDraft, estimate?: ReadonlySet<string>): Alternative {
  let [dependents, forced, overwritten] = [0, 0, 0];
  for (const { cascaded, undoes, overwrites = [] } of headsOf(steps)) {
    if (cascaded) dependents += 1;
    if (estimate ? estimate.has(refKey(undoes)) : overwrites.length > 0) forced += 1;
    overwritten += overwrites.length;
  }
  return {
    mode,
    ...(partial && { partial }),
    undone: steps.length - dependents,
    left: totals.tools.reduce((all, { left }) => all + left, 0),
    dependents,
    ...(mode === 'force' && { forced, ...(!estimate && { overwrites: overwritten }) }),
    rows: sum(totals.undone),
    rowsStay: sum(totals.stays),
    ...(estimate && { estimated: true as const }),
  };
}
