import { ApiFault, type ApprovalBody, type ApprovalState } from '@recant/api';
import type { ApprovalNeed } from '@recant/events';
import { type Approval, type ApprovalVerdict, judgeApprovals } from '@recant/policy';
import type { RunRecord } from '@recant/runner';
import type { StoredPlan } from '@recant/store';
import type { RollbackCore } from './core.ts';

const NEEDS: Readonly<Record<ApprovalNeed, string>> = {
  rule: 'RECANT_APPROVALS requires it for every plan',
  claimed: 'it undoes effects that only the agent’s own process reported',
  cascade: 'it undoes more than 20 attempts of agents that were not selected',
  window: 'its selection is limited only by time, outcome, a condition or a resource pattern that matches any system',
};

/** @returns the approval that permits the run; undefined if the plan needs none. @throws ApiFault `approval_missing`, `approval_expired` */
export async function requireApproval(core: RollbackCore, tenant: string, plan: StoredPlan): Promise<Approval | undefined> {
  const verdict = judgeApprovals(core.approvals, plan, await core.store.approvals.of(tenant, plan.id), core.clock.now());
  const refusal = refusalOf(verdict);
  if (refusal) throw refusal;
  return verdict.kind === 'approved' ? verdict.approval : undefined;
}

/**
 * Why a claimed run must not continue; undefined if it may. It must have been approved at its start or be approved now, so that an approval that expires
 * during the run does not leave it half done. A run being cancelled starts no steps and needs no approval.
 */
export async function objectionTo(core: RollbackCore, { claim, plan: id, state, createdAtMs }: RunRecord): Promise<string | undefined> {
  if (core.approvals === 'never' || state === 'cancelling') return undefined;
  const plan = await core.store.plans.find(claim.tenant, id);
  if (!plan) return `Unknown plan ${id}.`;
  const given = await core.store.approvals.of(claim.tenant, id);
  const refusals = [createdAtMs, core.clock.now()].map((atMs) => refusalOf(judgeApprovals(core.approvals, plan, given, atMs)));
  return refusals.includes(undefined) ? undefined : refusals[1]?.message;
}

export function approvalState(core: RollbackCore, plan: StoredPlan, given: readonly Approval[]): ApprovalState {
  const verdict = judgeApprovals(core.approvals, plan, given, core.clock.now());
  return { state: verdict.kind, ...('need' in verdict ? { need: verdict.need } : {}), given: given.map(bodyOf) };
}

export function bodyOf({ digest, by, approvedAtMs, expiresAtMs }: Approval): ApprovalBody {
  return { digest, by, approvedAt: new Date(approvedAtMs).toISOString(), expiresAt: new Date(expiresAtMs).toISOString() };
}

function refusalOf(verdict: ApprovalVerdict): ApiFault | undefined {
  if (verdict.kind === 'not_needed' || verdict.kind === 'approved') return undefined;
  const reason = `The plan needs a second person: ${NEEDS[verdict.need]}.`;
  if (verdict.kind === 'missing') return new ApiFault('approval_missing', `${reason} It has no approval by another person.`);
  const { by, expiresAtMs } = verdict.approval;
  return new ApiFault('approval_expired', `${reason} The approval by ${by} expired at ${new Date(expiresAtMs).toISOString()}.`);
}
