import { ApiFault, createPlan, type PlanView, showPlan, showWatermark } from '@recant/api';
import { missingIn, selectionText } from '@recant/planner';
import type { Statements } from '@recant/policy';
import { type BoundRoute, handle } from '@recant/service';
import type { StoredPlan } from '@recant/store';
import { approvalState, withPeople } from './approvals.ts';
import type { RollbackCore } from './core.ts';
import { withApiFaults } from './fault.ts';
import { makePlan } from './planning.ts';
import { reachWatermark } from './watermark.ts';

export function planRoutes(core: RollbackCore): readonly BoundRoute[] {
  return [
    handle(showWatermark, async ({ caller, query }) => {
      const { at, systems, topics, missing } = await withApiFaults(() => reachWatermark(core, caller.tenant, query.waitMs ?? 0));
      return { status: 200, body: { at, systems: [...systems], topics: [...topics], missing: missing.map((one) => ({ ...one })) } };
    }),
    handle(createPlan, async ({ caller, body, reason }) => {
      const made = await withApiFaults(() => makePlan(core, caller, body, reason));
      core.wake();
      return { status: 201, body: await viewOf(core, caller.tenant, made, { approvals: [] }) };
    }),
    handle(showPlan, async ({ caller, params }) => {
      const plan = await findPlan(core, caller.tenant, params.plan);
      const view = await viewOf(core, caller.tenant, plan, await core.store.approvals.of(caller.tenant, plan.id));
      const run = await runOf(core, caller.tenant, plan.id);
      return { status: 200, body: run ? { ...view, run } : view };
    }),
  ];
}

/** @throws ApiFault `plan_unknown` */
export async function findPlan({ store }: RollbackCore, tenant: string, id: string): Promise<StoredPlan> {
  const found = await store.plans.find(tenant, id);
  if (!found) throw new ApiFault('plan_unknown', `Unknown plan ${JSON.stringify(id)}.`);
  return found;
}

async function runOf({ store }: RollbackCore, tenant: string, plan: string): Promise<PlanView['run']> {
  const id = await store.runs.ofPlan(tenant, plan);
  const found = id === undefined ? undefined : await store.runs.find(tenant, id);
  if (!found) return undefined;
  const { state, createdAtMs, finishedAtMs } = found.run;
  const finishedAt = finishedAtMs === undefined ? {} : { finishedAt: new Date(finishedAtMs).toISOString() };
  return { id: found.run.id, state, createdAt: new Date(createdAtMs).toISOString(), ...finishedAt };
}

async function viewOf(core: RollbackCore, tenant: string, plan: StoredPlan, said: Statements): Promise<PlanView> {
  const { id, digest, by, createdAtMs, header, counts } = plan;
  const { sources: _sources, ...body } = header;
  const runnable = counts.steps > 0 && (header.mode !== 'refuse' || counts.stopping + missingIn(header).length === 0);
  const approval = approvalState(core, await withPeople(core, tenant, plan), said);
  const selected = selectionText(header.selection);
  const byName = await core.store.credentials.labelOf(tenant, by);
  return {
    id,
    digest,
    by,
    ...(byName !== undefined && { byName }),
    createdAt: new Date(createdAtMs).toISOString(),
    selected,
    runnable,
    approval,
    counts,
    body,
  };
}
