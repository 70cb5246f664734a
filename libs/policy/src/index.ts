export {
  APPROVAL_RULES,
  type Approval,
  type ApprovalRule,
  type ApprovalVerdict,
  judgeApprovals,
  mayApprove,
  type PlanInQuestion,
} from './approval.ts';
