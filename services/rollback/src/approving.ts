import { ApiFault, approvePlan, askApproval, withdrawApprovals } from '@recant/api';
import { type Approval, mayApprove } from '@recant/policy';
import { type BoundRoute, type Caller, handle } from '@recant/service';
import type { StoredPlan } from '@recant/store';
import { approvalState, bodyOf, judgePlan, peopleBehind, withPeople } from './approvals.ts';
import type { RollbackCore } from './core.ts';
import { findPlan } from './plans.ts';
import { readDigested } from './read-plan.ts';
import { endWanting, wantApproval } from './wanting.ts';

export function approvalRoutes(core: RollbackCore): readonly BoundRoute[] {
  const { approvals, runs, alarms } = core.store;
  return [
    handle(approvePlan, async ({ caller, params, body, reason }) => {
      const plan = await findPlan(core, caller.tenant, params.plan);
      await readDigested(core, caller.tenant, plan, body.digest);
      const { breakGlass } = await approvals.of(caller.tenant, plan.id);
      await requireOther(core, caller, plan, breakGlass?.by);
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
      await endWanting(core, caller.tenant, plan.id);
      const run = breakGlass && (await runs.ofPlan(caller.tenant, plan.id));
      if (run !== undefined) await alarms.clear(caller.tenant, 'break_glass', [run]);
      const given = bodyOf(approval);
      const reviewed = run === undefined ? {} : { reviewed: run };
      return { status: 201, body: given, act: { object: { digest: given.digest }, detail: { expiresAt: given.expiresAt, ...reviewed } } };
    }),
    handle(askApproval, async ({ caller, params }) => {
      const plan = await findPlan(core, caller.tenant, params.plan);
      const isStarted = (await runs.ofPlan(caller.tenant, plan.id)) !== undefined;
      if (!isStarted) await wantApproval(core, caller.tenant, plan, await judgePlan(core, caller.tenant, plan));
      const state = approvalState(core, await withPeople(core, caller.tenant, plan), await approvals.of(caller.tenant, plan.id));
      return { status: 200, body: state, act: { object: { digest: plan.digest } } };
    }),
    handle(withdrawApprovals, async ({ caller, params, reason }) => {
      const plan = await findPlan(core, caller.tenant, params.plan);
      const statement = { digest: plan.digest, by: caller.id, atMs: core.clock.now(), ...(reason === undefined ? {} : { reason }) };
      const done = await approvals.withdraw(caller.tenant, plan.id, statement);
      if (done.kind === 'none') throw new ApiFault('approval_none', `Plan ${plan.id} has no approval that could be withdrawn.`);
      if (done.kind === 'started') throw new ApiFault('run_started', `Plan ${plan.id} has started: run ${done.run}.`);
      const state = approvalState(core, await withPeople(core, caller.tenant, plan), await approvals.of(caller.tenant, plan.id));
      return { status: 200, body: state, act: { object: { digest: plan.digest } } };
    }),
  ];
}

/** @param starter who started the plan's run without an approval @throws ApiFault `self_approval`, `requester_unknown` */
async function requireOther(core: RollbackCore, caller: Caller, plan: StoredPlan, starter: string | undefined): Promise<void> {
  const { tenant, id } = caller;
  const asked = await peopleBehind(core.store, tenant, plan.by);
  const started = starter === undefined ? undefined : await peopleBehind(core.store, tenant, starter);
  for (const [did, by, people] of [
    ['created', plan.by, asked],
    ['started the run of', starter, started],
  ] as const) {
    const may = people === undefined ? 'yes' : mayApprove({ people }, id, core.onePerson);
    if (may === 'author') throw new ApiFault('self_approval', `You ${did} plan ${plan.id}, or may have: ${authorText(by, people)}.`);
    if (may === 'unknown')
      throw new ApiFault(
        'requester_unknown',
        `Key ${by} ${did} plan ${plan.id}, and nobody is known who has that key; you may be the one.`,
      );
  }
}

function authorText(by: string | undefined, people: readonly string[] = []): string {
  return by?.startsWith('person:') ? `it was ${by}` : `key ${by} did, which ${people.join(' and ')} had`;
}
