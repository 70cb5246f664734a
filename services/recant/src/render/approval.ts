import type { ApprovalBody, PlanView, StatementBody } from '@recant/api';
import { type Paint, printable } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';

const REASONS: Readonly<Record<NonNullable<PlanView['approval']['need']>, string>> = {
  rule: 'this service requires it for every plan (RECANT_APPROVALS)',
  claimed: 'the plan undoes effects that only the agent’s own process reported',
  window: 'the selection is limited only by time, outcome, a condition or a resource pattern that matches any system',
  force: 'the plan overwrites later values of others',
  cascade: 'the plan undoes more than 20 attempts of agents that were not selected',
  size: 'the plan changes more rows and files than one run may',
};

/** The state of the approval; empty for a plan that needs none. */
export function approvalText({ approval }: PlanView, paint: Paint): string {
  const { state, need, given, withdrawal } = approval;
  const last = given.find((one) => one.withdrawn === undefined);
  if (state === 'not_needed' || need === undefined) return '';
  if (state === 'approved' && last) return `${paint('green', 'Approved')} ${approverText(last)}`;
  const expired = state === 'expired' && last ? ` The approval ${approverText(last)} has expired.` : '';
  const withdrawn = state === 'withdrawn' && withdrawal ? ` The approval was withdrawn ${statementText(withdrawal)}.` : '';
  return `${paint('yellow', 'Needs approval by a second person:')} ${REASONS[need]}.${expired}${withdrawn}`;
}

export function approverText({ by, expiresAt, reason }: ApprovalBody): string {
  return printable(`by ${by} until ${clockTime(Date.parse(expiresAt))}${reason === undefined ? '' : ` (${reason})`}`);
}

export function statementText({ by, at, reason }: StatementBody): string {
  return printable(`by ${by} at ${clockTime(Date.parse(at))}${reason === undefined ? '' : ` (${reason})`}`);
}
