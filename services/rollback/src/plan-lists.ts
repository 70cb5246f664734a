import {
  ApiFault,
  listPlanAmbiguous,
  listPlanConflicts,
  listPlanLeft,
  listPlanSteps,
  listPlanTainted,
  PAGE_ITEMS_DEFAULT,
} from '@recant/api';
import type { PlanList } from '@recant/planner';
import { type BoundRoute, type Caller, handle } from '@recant/service';
import type { ItemHead } from '@recant/store';
import type { RollbackCore } from './core.ts';
import { findPlan } from './plans.ts';

interface Asked {
  readonly caller: Caller;
  readonly params: { readonly plan: string };
  readonly query: { readonly cursor?: string | undefined; readonly limit?: number | undefined };
}

/** The items of a plan, in pages. A plan does not change, so that a cursor is the number of an item. */
export function planListRoutes(core: RollbackCore): readonly BoundRoute[] {
  const list = async <L extends PlanList>(of: L, { caller, params, query }: Asked) => {
    const { id } = await findPlan(core, caller.tenant, params.plan);
    const { limit = PAGE_ITEMS_DEFAULT, cursor } = query;
    const page = await core.store.plans.heads(caller.tenant, id, of, itemBefore(cursor), limit);
    const items: readonly ItemHead<L>[] = page.items;
    return { status: 200 as const, body: { items, ...(page.next !== undefined && { next: String(page.next) }) } };
  };
  return [
    handle(listPlanSteps, (asked) => list('steps', asked)),
    handle(listPlanConflicts, (asked) => list('conflicts', asked)),
    handle(listPlanLeft, (asked) => list('left', asked)),
    handle(listPlanAmbiguous, (asked) => list('ambiguous', asked)),
    handle(listPlanTainted, (asked) => list('tainted', asked)),
  ];
}

/** Number of the item where the page before ended. @throws ApiFault `cursor_invalid` */
export function itemBefore(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (!/^[1-9][0-9]{0,8}$/.test(cursor)) throw new ApiFault('cursor_invalid', 'Invalid cursor: start again without a cursor.');
  return Number(cursor);
}
