import type { ApprovalNeed } from '@recant/events';
import type { PlanCounts, Selection } from '@recant/planner';
import type { OnePerson } from './one-person.ts';

/**
 * Which plans need a second person. `never`: none, for an installation with one person. `critical`: plans that undo claimed effects or over 20
 * attempts of others, overwrite later values of others, change more rows than one run may, or whose selection is limited only by time, outcome, a condition or a resource pattern that
 * matches any system: no rule waives these where there is a second person. `always`: every plan.
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
  readonly reason?: string;
}

/** The withdrawal of every approval before it, or the start of a run without one (break-glass). */
export interface Statement {
  readonly digest: string;
  /** A key id, or `person:<subject>`. */
  readonly by: string;
  readonly atMs: number;
  readonly reason?: string;
}

/** What was said about a plan. */
export interface Statements {
  /** Newest first. */
  readonly approvals: readonly Approval[];
  /** The last one. */
  readonly withdrawal?: Statement;
  readonly breakGlass?: Statement;
}

export interface ApprovablePlan {
  readonly digest: string;
  /** Author: a key id, or `person:<subject>`. */
  readonly by: string;
  /** Everybody who may be the author: the person, or all who have had the key. Empty: nobody is known. */
  readonly people: readonly string[];
  readonly selection: Selection;
  readonly counts: Pick<PlanCounts, 'cascaded' | 'claimed' | 'overwriting' | 'rows'>;
}

export type ApprovalVerdict =
  /** `waived`: what would need a second person if the rule were another than `never`. */
  | { readonly kind: 'not_needed'; readonly waived?: ApprovalNeed }
  | { readonly kind: 'approved'; readonly need: ApprovalNeed; readonly approval: Approval }
  | { readonly kind: 'missing'; readonly need: ApprovalNeed }
  /** `approval`: the one that expired last. */
  | { readonly kind: 'expired'; readonly need: ApprovalNeed; readonly approval: Approval }
  | { readonly kind: 'withdrawn'; readonly need: ApprovalNeed; readonly withdrawal: Statement };

/** What no rule waives cannot be approved where there is only one person. @returns why the rule is not allowed */
export function ruleProblem(rule: ApprovalRule, morePeople: boolean): string | undefined {
  if (rule !== 'never' || !morePeople) return undefined;
  return 'RECANT_APPROVALS is never: that is for an installation with one person, and RECANT_OIDC_ISSUER lets others sign in; set critical or always';
}

/** Attempts of others that a plan may undo without a second person, under the rule `critical`. */
const DEPENDENTS_UNAPPROVED_MAX = 20;
/** Fields that narrow a selection without naming an agent, tool or system. What a condition names for certain is in the other fields, too. */
const NAMELESS_FIELDS: ReadonlySet<string> = new Set(['fromMs', 'toMs', 'clock', 'outcomes', 'where', 'ambiguous']);
/** A resource pattern whose wildcard covers the system name. */
const ANY_SYSTEM = /^[^/]*:\/\/[^/]*\*$/;

/** @param rowsMax rows and files that a plan may change without a second person */
export function approvalNeed(
  rule: ApprovalRule,
  { selection, counts }: Pick<ApprovablePlan, 'selection' | 'counts'>,
  rowsMax: number,
): ApprovalNeed | undefined {
  if (rule === 'never') return undefined;
  if (counts.overwriting > 0) return 'force';
  if (counts.claimed > 0) return 'claimed';
  if (!namesTarget(selection)) return 'window';
  if (counts.cascaded > DEPENDENTS_UNAPPROVED_MAX) return 'cascade';
  if (counts.rows > rowsMax) return 'size';
  return rule === 'always' ? 'rule' : undefined;
}

function namesTarget(selection: Selection): boolean {
  return Object.entries(selection).some(([field, values]) => {
    if (field === 'resources') return !(values as readonly string[]).some((pattern) => ANY_SYSTEM.test(pattern));
    return !NAMELESS_FIELDS.has(field);
  });
}

/**
 * A person who cannot be the plan's author. `unknown`: the plan was requested with a key of which nobody knows who has it, so that nobody can be told from
 * its author.
 */
export function mayApprove({ people }: Pick<ApprovablePlan, 'people'>, person: string, onePerson: OnePerson): 'yes' | 'author' | 'unknown' {
  if (people.length === 0) return 'unknown';
  return people.some((one) => onePerson(one) === onePerson(person)) ? 'author' : 'yes';
}

export interface Judged {
  readonly rule: ApprovalRule;
  readonly rowsMax: number;
  readonly nowMs: number;
  readonly onePerson: OnePerson;
}

/** Whether the plan may run at `nowMs`. An approval is valid for its digest only, from `approvedAtMs` to before `expiresAtMs`, unless it was withdrawn. */
export function judgeApprovals({ rule, rowsMax, nowMs, onePerson }: Judged, plan: ApprovablePlan, said: Statements): ApprovalVerdict {
  const need = approvalNeed(rule, plan, rowsMax);
  if (need === undefined) {
    const waived = rule === 'never' ? approvalNeed('critical', plan, rowsMax) : undefined;
    return { kind: 'not_needed', ...(waived && { waived }) };
  }
  const given = said.approvals.filter(
    ({ digest, by, approvedAtMs }) => digest === plan.digest && mayApprove(plan, by, onePerson) === 'yes' && approvedAtMs <= nowMs,
  );
  const withdrawal = said.withdrawal && said.withdrawal.atMs <= nowMs ? said.withdrawal : undefined;
  const [last] = given.filter((one) => !isWithdrawn(one, withdrawal)).sort((a, b) => b.expiresAtMs - a.expiresAtMs);
  if (last !== undefined) return { kind: last.expiresAtMs > nowMs ? 'approved' : 'expired', need, approval: last };
  return withdrawal && given.length > 0 ? { kind: 'withdrawn', need, withdrawal } : { kind: 'missing', need };
}

/** Of an approval and a withdrawal at the same millisecond the withdrawal counts. */
export function isWithdrawn({ approvedAtMs }: Approval, withdrawal: Statement | undefined): boolean {
  return withdrawal !== undefined && approvedAtMs <= withdrawal.atMs;
}
