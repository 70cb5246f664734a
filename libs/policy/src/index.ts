export {
  APPROVAL_RULES,
  type Approval,
  type ApprovalRule,
  type ApprovalVerdict,
  isWithdrawn,
  type Judged,
  judgeApprovals,
  mayApprove,
  rowsOf,
  ruleProblem,
  type Statement,
  type Statements,
} from './approval.ts';
