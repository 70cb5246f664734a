import type { ApprovalNeed } from '@recant/events';
import type { PlanBody } from '@recant/planner';

/**
 * Which plans need a second person. `never`: none, for an installation with one person. `critical`: plans that undo claimed effects or over 20
 * attempts of others, or whose selection is limited only by time, outcome, a condition or a resource pattern that matches any system. `always`: every plan.
 */
export const APPROVAL_RULES = ['never', 'critical', 'always'] as const;
export type ApprovalRule = (typeof APPROVAL_RULES)[number];

/** A person's approval of the plan with this digest. */
export interface Approval {
  readonly digest: string;
  /** `person:<subject>`: keys cannot approve. */
  readonly by: string;
  /** Milliseconds since 1970, UTC. */
  readonly approvedAtMs: number;
  readonly expiresAtMs: number;
}

export interface ApprovablePlan {
  readonly digest: string;
  /** Author: a key id, or `person:<subject>`. */
  readonly by: string;
  readonly body: Pick<PlanBody, 'selection' | 'steps'>;
}

export type ApprovalVerdict =
  | { readonly kind: 'not_needed' }
  | { readonly kind: 'approved'; readonly need: ApprovalNeed; readonly approval: Approval }
  | { readonly kind: 'missing'; readonly need: ApprovalNeed }
  /** `approval`: the one that expired last. */
  | { readonly kind: 'expired'; readonly need: ApprovalNeed; readonly approval: Approval };

/** Attempts of others that a plan may undo without a second person, under the rule `critical`. */
const DEPENDENTS_UNAPPROVED_MAX = 20;
/** Fields that narrow a selection without naming an agent, tool or system. What a condition names for certain is in the other fields, too. */
const NAMELESS_FIELDS: ReadonlySet<string> = new Set(['fromMs', 'toMs', 'clock', 'outcomes', 'where', 'ambiguous']);
/** A resource pattern whose wildcard covers the system name. */
const ANY_SYSTEM = /^[^/]*:\/\/[^/]*\*$/;

export function approvalNeed(rule: ApprovalRule, { selection, steps }: ApprovablePlan['body']): ApprovalNeed | undefined {
  if (rule === 'never') return undefined;
  if (steps.some(({ grade }) => grade === 'claimed')) return 'claimed';
  if (!namesTarget(selection)) return 'window';
  if (steps.filter(({ cascaded }) => cascaded).length > DEPENDENTS_UNAPPROVED_MAX) return 'cascade';
  return rule === 'always' ? 'rule' : undefined;
}

function namesTarget(selection: PlanBody['selection']): boolean {
  return Object.entries(selection).some(([field, values]) => {
    if (field === 'resources') return !(values as readonly string[]).some((pattern) => ANY_SYSTEM.test(pattern));
    return !NAMELESS_FIELDS.has(field);
  });
}

/** A person other than the plan's author. */
export function mayApprove(plan: Pick<ApprovablePlan, 'by'>, person: string): boolean {
  return plan.by !== person;
}

/** Whether the plan may run at `nowMs`. An approval is valid for its digest only, from `approvedAtMs` to before `expiresAtMs`. */
export function judgeApprovals(rule: ApprovalRule, plan: ApprovablePlan, approvals: readonly Approval[], nowMs: number): ApprovalVerdict {
  const need = approvalNeed(rule, plan.body);
  if (need === undefined) return { kind: 'not_needed' };
  const valid = approvals
    .filter(({ digest, by, approvedAtMs }) => digest === plan.digest && mayApprove(plan, by) && approvedAtMs <= nowMs)
    .sort((a, b) => b.expiresAtMs - a.expiresAtMs);
  const [last] = valid;
  if (last === undefined) return { kind: 'missing', need };
  return { kind: last.expiresAtMs > nowMs ? 'approved' : 'expired', need, approval: last };
}
