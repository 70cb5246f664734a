export {
  APPROVAL_RULES,
  type Approval,
  type ApprovalRule,
  type ApprovalVerdict,
  judgeApprovals,
  mayApprove,
} from './approval.ts';
