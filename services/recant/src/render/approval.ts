import type { ApprovalBody, PlanView } from '@recant/api';
import { type Paint, printable } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';

const NEEDS: Readonly<Record<NonNullable<PlanView['approval']['need']>, string>> = {
  rule: 'every plan does here',
  claimed: 'it undoes what only the agent’s own process has said',
  window: 'no name selects in it, but a window, outcomes or resources of any system',
};

/** Whether the plan has the second person that it needs; nothing where it needs none. */
export function approvalText({ approval }: PlanView, paint: Paint): string {
  const { state, need, given } = approval;
  const [last] = given;
  if (state === 'not_needed' || need === undefined) return '';
  if (state === 'approved' && last) return `${paint('green', 'Approved')} ${givenWords(last)}`;
  const ended = state === 'expired' && last ? ` It was approved ${givenWords(last)}.` : '';
  return `${paint('yellow', 'Needs a second person:')} ${NEEDS[need]}.${ended}`;
}

export function givenWords({ by, expiresAt }: ApprovalBody): string {
  return printable(`by ${by} until ${clockTime(Date.parse(expiresAt))}`);
}
