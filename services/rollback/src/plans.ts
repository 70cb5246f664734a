import { ApiFault, createPlan, type PlanView, showPlan } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { StoredPlan } from '@recant/store';
import type { RollbackCore } from './core.ts';
import { answering } from './fault.ts';
import { makePlan } from './planning.ts';

export function planRoutes(core: RollbackCore): readonly BoundRoute[] {
  return [
    handle(createPlan, async ({ caller, body }) => {
      const made = await answering(() => makePlan(core, caller, body));
      core.wake();
      return { status: 201, body: viewOf(made) };
    }),
    handle(showPlan, async ({ caller, params }) => ({
      status: 200,
      body: viewOf(await findPlan(core, caller.tenant, params.plan)),
    })),
  ];
}

/** @throws ApiFault `plan_unknown` */
export async function findPlan({ store }: RollbackCore, tenant: string, id: string): Promise<StoredPlan> {
  const found = await store.plans.find(tenant, id);
  if (!found) throw new ApiFault('plan_unknown', `There is no plan ${JSON.stringify(id)}.`);
  return found;
}

function viewOf({ id, digest, by, createdAtMs, body, annex }: StoredPlan): PlanView {
  const runnable = body.steps.length > 0 && (body.mode === 'skip' || body.conflicts.length === 0);
  return { id, digest, by, createdAt: new Date(createdAtMs).toISOString(), runnable, body, annex } as unknown as PlanView;
}
