import { headerOf, runningDigest } from './digest.ts';
import { PLAN_LISTS, type PlanDraft, type PlanHeader, type PlanItem, type PlanList, type PlanStep } from './plan.ts';

/** The items of stored plans, read in pages: nobody has to hold a whole plan. Read-after-write; plans do not change. */
export interface PlanItems {
  /** All items of a list, in order. */
  all<L extends PlanList>(tenant: string, plan: string, list: L): AsyncIterable<PlanItem<L>>;
  /** Those of these steps that the plan has, by number. */
  steps(tenant: string, plan: string, numbers: readonly number[]): Promise<readonly PlanStep[]>;
}

/** Takes what it needs of each item. */
export interface ItemReader {
  add<L extends PlanList>(list: L, item: PlanItem<L>): void;
}

/** Reads a stored plan once. @returns the digest of what was read */
export async function readPlan(
  items: PlanItems,
  { tenant, id, header }: { readonly tenant: string; readonly id: string; readonly header: PlanHeader },
  ...readers: readonly ItemReader[]
): Promise<string> {
  const digest = runningDigest(header);
  for (const list of PLAN_LISTS) {
    for await (const item of items.all(tenant, id, list)) {
      digest.add(list, item);
      for (const reader of readers) reader.add(list, item);
    }
  }
  return digest.end();
}

/** Lower-case hex SHA-256 of the canonical JSON of a whole plan. @param readers each gets every item, as it passes */
export function planDigest(draft: PlanDraft, ...readers: readonly ItemReader[]): string {
  const digest = runningDigest(headerOf(draft));
  for (const list of PLAN_LISTS) {
    for (const item of draft[list]) {
      digest.add(list, item);
      for (const reader of readers) reader.add(list, item);
    }
  }
  return digest.end();
}
