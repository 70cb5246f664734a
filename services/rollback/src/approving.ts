import { ApiFault, approvePlan } from '@recant/api';
import { mayApprove } from '@recant/policy';
import { type BoundRoute, handle } from '@recant/service';
import { bodyOf } from './approvals.ts';
import type { RollbackCore } from './core.ts';
import { findPlan, requireDigest } from './plans.ts';

export function approvalRoutes(core: RollbackCore): readonly BoundRoute[] {
  return [
    handle(approvePlan, async ({ caller, params, body }) => {
      const plan = await findPlan(core, caller.tenant, params.plan);
      requireDigest(plan, body.digest);
      if (!mayApprove(plan, caller.id)) throw new ApiFault('self_approval', `You created plan ${plan.id} (as ${caller.id}).`);
      const approvedAtMs = core.clock.now();
      const approval = { digest: plan.digest, by: caller.id, approvedAtMs, expiresAtMs: approvedAtMs + body.seconds * 1_000 };
      await core.store.approvals.put(caller.tenant, plan.id, approval);
      const given = bodyOf(approval);
      return { status: 201, body: given, act: { object: { digest: given.digest }, detail: { expiresAt: given.expiresAt } } };
    }),
  ];
}
