import type { PlanItem, PlanList } from './plan.ts';

/** How many of what a plan has. */
export interface PlanCounts {
  readonly steps: number;
  readonly left: number;
  readonly conflicts: number;
  /** Of `conflicts`, those that stop a plan in mode `refuse`. */
  readonly stopping: number;
  readonly ambiguous: number;
  readonly tainted: number;
  /** Steps of attempts that nobody selected. */
  readonly cascaded: number;
  /** Steps whose effects only the agent's own process reported. */
  readonly claimed: number;
  /** Steps that overwrite later values of others, and these values. */
  readonly overwriting: number;
  readonly overwrites: number;
  /** Different rows and files that the steps change. */
  readonly rows: number;
}

/** Counts item by item. Of the rows it holds the names, so that none counts twice. */
export interface PlanCounter {
  add<L extends PlanList>(list: L, item: PlanItem<L>): void;
  counts(): PlanCounts;
}

export function planCounter(): PlanCounter {
  const items = { ambiguous: 0, conflicts: 0, left: 0, steps: 0, tainted: 0 };
  const of = { stopping: 0, cascaded: 0, claimed: 0, overwriting: 0, overwrites: 0 };
  const rows = new Set<string>();
  const addStep = ({ cascaded, grade, overwrites, systems }: PlanItem<'steps'>): void => {
    if (cascaded) of.cascaded++;
    if (grade === 'claimed') of.claimed++;
    if (overwrites) of.overwriting++;
    of.overwrites += overwrites?.length ?? 0;
    for (const { knownOrdinals } of systems) for (const resource in knownOrdinals) rows.add(resource);
  };
  return {
    add(list, item) {
      items[list]++;
      if (list === 'steps') addStep(item as PlanItem<'steps'>);
      if (list === 'conflicts' && !(item as PlanItem<'conflicts'>).passed) of.stopping++;
    },
    counts: () => ({ ...items, ...of, rows: rows.size }),
  };
}
