import { ApiFault } from '@recant/api';
import type { ApprovalNeed, JsonObject } from '@recant/events';
import type { Approval } from '@recant/policy';
import type { Caller } from '@recant/service';
import type { NewRun, StoredPlan } from '@recant/store';
import { bodyOf, judgePlan, needText, refusalOf } from './approvals.ts';
import type { RollbackCore } from './core.ts';
import { wantApproval } from './wanting.ts';

/** By what a run starts: nothing is needed, an approval, or a statement that it starts without one. */
export type StartPermit =
  | { readonly kind: 'not_needed'; readonly waived?: ApprovalNeed }
  | { readonly kind: 'approved'; readonly approval: Approval }
  | { readonly kind: 'break_glass'; readonly need: ApprovalNeed; readonly reason: string };

interface Asked {
  readonly breakGlass?: true | undefined;
  readonly reason?: string | undefined;
}

/** @throws ApiFault `approval_missing`, `approval_expired`, `approval_withdrawn`, `break_glass_without_reason` */
export async function permitStart(
  core: RollbackCore,
  tenant: string,
  plan: StoredPlan,
  { breakGlass, reason }: Asked,
): Promise<StartPermit> {
  const verdict = await judgePlan(core, tenant, plan);
  if (verdict.kind === 'not_needed' || verdict.kind === 'approved') return verdict;
  if (!breakGlass) {
    await wantApproval(core, tenant, plan, verdict);
    throw refusalOf(verdict) as ApiFault;
  }
  if (reason === undefined)
    throw new ApiFault('break_glass_without_reason', `Plan ${plan.id} would start without an approval: expected a reason, got none.`);
  return { kind: 'break_glass', need: verdict.need, reason };
}

/** What the act that starts the run says about its permit. */
export function permitDetail(permit: StartPermit): JsonObject {
  if (permit.kind === 'break_glass') return { breakGlass: permit.need };
  if (permit.kind === 'not_needed') return permit.waived === undefined ? {} : { waived: permit.waived };
  const { by, approvedAt, expiresAt, reason } = bodyOf(permit.approval);
  return { approval: { by, approvedAt, expiresAt, ...(reason === undefined ? {} : { reason }) } };
}

/** What the store checks and records in the transaction that stores the run. */
export function storedPermit(
  permit: StartPermit,
  run: string,
  { id, digest }: StoredPlan,
  caller: Caller,
  atMs: number,
): NonNullable<NewRun['permit']> {
  if (permit.kind === 'not_needed') return {};
  if (permit.kind === 'approved') return { approval: permit.approval };
  const alarm = {
    code: 'break_glass',
    subject: run,
    detail: `${caller.id} started the run of plan ${id} without an approval. ${needText(permit.need)} Reason: ${permit.reason}`,
    action: `Review the plan and its account (recant status ${run}). Another person ends this alarm with: recant approve ${id}`,
  };
  return { breakGlass: { digest, by: caller.id, atMs, reason: permit.reason, alarm } };
}
