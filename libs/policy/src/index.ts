export {
  APPROVAL_RULES,
  type ApprovablePlan,
  type Approval,
  type ApprovalRule,
  type ApprovalVerdict,
  isWithdrawn,
  type Judged,
  judgeApprovals,
  mayApprove,
  ruleProblem,
  type Statement,
  type Statements,
} from './approval.ts';
export { type OnePerson, parseOnePerson } from './one-person.ts';
