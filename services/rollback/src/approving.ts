import { ApiFault, approvePlan, withdrawApprovals } from '@recant/api';
import { type Approval, mayApprove } from '@recant/policy';
import { type BoundRoute, type Caller, handle } from '@recant/service';
import type { StoredPlan } from '@recant/store';
import { approvalState, bodyOf } from './approvals.ts';
import type { RollbackCore } from './core.ts';
import { findPlan, requireDigest } from './plans.ts';

export function approvalRoutes(core: RollbackCore): readonly BoundRoute[] {
  const { approvals, runs, alarms } = core.store;
  return [
    handle(approvePlan, async ({ caller, params, body, reason }) => {
      const plan = await findPlan(core, caller.tenant, params.plan);
      requireDigest(plan, body.digest);
      const { breakGlass } = await approvals.of(caller.tenant, plan.id);
      requireOther(caller, plan, breakGlass?.by);
      const approvedAtMs = core.clock.now();
      const expiresAtMs = approvedAtMs + body.seconds * 1_000;
      const approval: Approval = {
        digest: plan.digest,
        by: caller.id,
        approvedAtMs,
        expiresAtMs,
        ...(reason === undefined ? {} : { reason }),
      };
      await approvals.put(caller.tenant, plan.id, approval);
      const run = breakGlass && (await runs.ofPlan(caller.tenant, plan.id));
      if (run !== undefined) await alarms.clear(caller.tenant, 'break_glass', [run]);
      const given = bodyOf(approval);
      const reviewed = run === undefined ? {} : { reviewed: run };
      return { status: 201, body: given, act: { object: { digest: given.digest }, detail: { expiresAt: given.expiresAt, ...reviewed } } };
    }),
    handle(withdrawApprovals, async ({ caller, params, reason }) => {
      const plan = await findPlan(core, caller.tenant, params.plan);
      const statement = { digest: plan.digest, by: caller.id, atMs: core.clock.now(), ...(reason === undefined ? {} : { reason }) };
      const done = await approvals.withdraw(caller.tenant, plan.id, statement);
      if (done.kind === 'none') throw new ApiFault('approval_none', `Plan ${plan.id} has no approval that could be withdrawn.`);
      if (done.kind === 'started') throw new ApiFault('run_started', `Plan ${plan.id} has started: run ${done.run}.`);
      const state = approvalState(core, plan, await approvals.of(caller.tenant, plan.id));
      return { status: 200, body: state, act: { object: { digest: plan.digest } } };
    }),
  ];
}

/** @throws ApiFault `self_approval` */
function requireOther(caller: Caller, plan: StoredPlan, starter: string | undefined): void {
  if (!mayApprove(plan, caller.id)) throw new ApiFault('self_approval', `You created plan ${plan.id} (as ${caller.id}).`);
  if (starter === caller.id)
    throw new ApiFault('self_approval', `You started the run of plan ${plan.id} without an approval (as ${caller.id}).`);
}
