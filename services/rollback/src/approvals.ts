import { ApiFault, type ApprovalBody, type ApprovalState, type StatementBody } from '@recant/api';
import type { ApprovalNeed } from '@recant/events';
import type { PlanCounts } from '@recant/planner';
import {
  type ApprovablePlan,
  type Approval,
  type ApprovalVerdict,
  isWithdrawn,
  judgeApprovals,
  type Statement,
  type Statements,
} from '@recant/policy';
import type { RunRecord } from '@recant/runner';
import type { StoredPlan } from '@recant/store';
import type { RollbackCore } from './core.ts';

const NEEDS: Readonly<Record<ApprovalNeed, string>> = {
  rule: 'RECANT_APPROVALS requires it for every plan',
  claimed: 'it undoes effects that only the agent’s own process reported',
  cascade: 'it undoes more than 20 attempts of agents that were not selected',
  force: 'it overwrites later values of others',
  window: 'its selection is limited only by time, outcome, a condition or a resource pattern that matches any system',
  size: 'it changes more rows and files than one run may (RECANT_RUN_ROWS_MAX)',
};

/** The plan with everybody who may be its author. */
export async function withPeople({ store }: RollbackCore, tenant: string, plan: StoredPlan): Promise<ApprovablePlan> {
  const { digest, by, header, counts } = plan;
  return { digest, by, selection: header.selection, counts, people: await peopleBehind(store, tenant, plan.by) };
}

/** @param by a key id, or `person:<subject>` */
export async function peopleBehind({ credentials }: RollbackCore['store'], tenant: string, by: string): Promise<readonly string[]> {
  return by.startsWith('person:') ? [by] : credentials.peopleOf(tenant, by);
}

/** Whether the plan may run now, and what says so. */
export async function judgePlan(core: RollbackCore, tenant: string, plan: StoredPlan): Promise<ApprovalVerdict> {
  return judge(core, await withPeople(core, tenant, plan), await core.store.approvals.of(tenant, plan.id), core.clock.now());
}

/**
 * Why a claimed run must not continue; undefined if it may. It must have been approved at its start or be approved now, so that an approval that expires
 * during the run does not leave it half done; or be on record as started without an approval. A run being cancelled starts no steps and needs no approval.
 */
export async function objectionTo(
  core: RollbackCore,
  { claim, plan: id, state, createdAtMs }: RunRecord,
  counts: PlanCounts,
): Promise<string | undefined> {
  if (core.approvals === 'never' || state === 'cancelling') return undefined;
  const plan = await core.store.plans.find(claim.tenant, id);
  if (!plan) return `Unknown plan ${id}.`;
  const said = await core.store.approvals.of(claim.tenant, id);
  if (said.breakGlass?.digest === plan.digest) return undefined;
  const known = await withPeople(core, claim.tenant, { ...plan, counts });
  const refusals = [createdAtMs, core.clock.now()].map((atMs) => refusalOf(judge(core, known, said, atMs)));
  return refusals.includes(undefined) ? undefined : refusals[1]?.message;
}

export function approvalState(core: RollbackCore, plan: ApprovablePlan, said: Statements): ApprovalState {
  const verdict = judge(core, plan, said, core.clock.now());
  return {
    state: verdict.kind,
    ...('need' in verdict ? { need: verdict.need, authors: [...plan.people] } : {}),
    given: bodiesOf(said),
    ...(said.withdrawal && { withdrawal: statementBody(said.withdrawal) }),
    ...(said.breakGlass && { breakGlass: statementBody(said.breakGlass) }),
  };
}

export function bodiesOf({ approvals, withdrawal }: Statements): ApprovalBody[] {
  return approvals.map((one) => ({ ...bodyOf(one), ...(isWithdrawn(one, withdrawal) ? { withdrawn: true as const } : {}) }));
}

export function bodyOf({ digest, by, approvedAtMs, expiresAtMs, reason }: Approval): ApprovalBody {
  const times = { approvedAt: new Date(approvedAtMs).toISOString(), expiresAt: new Date(expiresAtMs).toISOString() };
  return { digest, by, ...times, ...(reason === undefined ? {} : { reason }) };
}

export function statementBody({ by, atMs, reason }: Statement): StatementBody {
  return { by, at: new Date(atMs).toISOString(), ...(reason === undefined ? {} : { reason }) };
}

/** Undefined: the plan may run. */
export function refusalOf(verdict: ApprovalVerdict): ApiFault | undefined {
  if (verdict.kind === 'not_needed' || verdict.kind === 'approved') return undefined;
  const reason = needText(verdict.need);
  if (verdict.kind === 'missing') return new ApiFault('approval_missing', `${reason} It has no approval by another person.`);
  if (verdict.kind === 'withdrawn') {
    const { by, at, reason: why } = statementBody(verdict.withdrawal);
    return new ApiFault('approval_withdrawn', `${reason} ${by} withdrew its approval at ${at}${why === undefined ? '' : `: ${why}`}.`);
  }
  const { by, expiresAtMs } = verdict.approval;
  return new ApiFault('approval_expired', `${reason} The approval by ${by} expired at ${new Date(expiresAtMs).toISOString()}.`);
}

export const needText = (need: ApprovalNeed): string => `The plan needs a second person: ${NEEDS[need]}.`;

function judge(
  { approvals: rule, rowsMax, onePerson }: RollbackCore,
  plan: ApprovablePlan,
  said: Statements,
  nowMs: number,
): ApprovalVerdict {
  return judgeApprovals({ rule, rowsMax, nowMs, onePerson }, plan, said);
}
