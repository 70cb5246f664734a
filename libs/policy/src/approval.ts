import type { ApprovalNeed } from '@recant/events';
import type { PlanBody } from '@recant/planner';

/**
 * Which plans need approval by a second person. `never`: none, for an installation with one person. `critical`: plans with claimed effects, and plans whose
 * selection names only a window, outcomes or resources of any system. `always`: every plan.
 */
export const APPROVAL_RULES = ['never', 'critical', 'always'] as const;
export type ApprovalRule = (typeof APPROVAL_RULES)[number];

/** A person's word for the plan with this digest, until it expires. */
export interface Approval {
  readonly digest: string;
  /** `person:<subject>`: no key approves. */
  readonly by: string;
  /** Milliseconds since 1970, UTC. */
  readonly approvedAtMs: number;
  readonly expiresAtMs: number;
}

export interface PlanInQuestion {
  readonly digest: string;
  /** Who asked for it. */
  readonly by: string;
  readonly body: Pick<PlanBody, 'selection' | 'steps'>;
}

export type ApprovalVerdict =
  | { readonly kind: 'not_needed' }
  | { readonly kind: 'approved'; readonly need: ApprovalNeed; readonly approval: Approval }
  | { readonly kind: 'missing'; readonly need: ApprovalNeed }
  /** The last one that there was. */
  | { readonly kind: 'expired'; readonly need: ApprovalNeed; readonly approval: Approval };

/** Fields that name nobody and nothing: all outcomes together are as good as none. */
const NAMELESS_FIELDS: ReadonlySet<string> = new Set(['fromMs', 'toMs', 'clock', 'outcomes']);
/** A pattern of resources that ends before it has named a system. */
const ANY_SYSTEM = /^[^/]*:\/\/[^/]*\*$/;

export function whySecondPerson(rule: ApprovalRule, { selection, steps }: PlanInQuestion['body']): ApprovalNeed | undefined {
  if (rule === 'never') return undefined;
  if (steps.some(({ grade }) => grade === 'claimed')) return 'claimed';
  if (!namesSomething(selection)) return 'window';
  return rule === 'always' ? 'rule' : undefined;
}

function namesSomething(selection: PlanBody['selection']): boolean {
  return Object.entries(selection).some(([field, values]) => {
    if (field === 'resources') return !(values as readonly string[]).some((pattern) => ANY_SYSTEM.test(pattern));
    return !NAMELESS_FIELDS.has(field);
  });
}

/** A second person is another one than who asked for the plan. */
export function mayApprove(plan: Pick<PlanInQuestion, 'by'>, person: string): boolean {
  return plan.by !== person;
}

/** Whether the plan may run now. An approval counts for the digest it was given for, from its time up to its end. */
export function judgeApprovals(rule: ApprovalRule, plan: PlanInQuestion, approvals: readonly Approval[], nowMs: number): ApprovalVerdict {
  const need = whySecondPerson(rule, plan.body);
  if (need === undefined) return { kind: 'not_needed' };
  const fit = approvals
    .filter(({ digest, by, approvedAtMs }) => digest === plan.digest && mayApprove(plan, by) && approvedAtMs <= nowMs)
    .sort((a, b) => b.expiresAtMs - a.expiresAtMs);
  const [last] = fit;
  if (last === undefined) return { kind: 'missing', need };
  return { kind: last.expiresAtMs > nowMs ? 'approved' : 'expired', need, approval: last };
}
