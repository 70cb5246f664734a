export {
  APPROVAL_RULES,
  type Approval,
  type ApprovalRule,
  type ApprovalVerdict,
  judgeApprovals,
  mayApprove,
  type PlanInQuestion,
  whySecondPerson,
} from './approval.ts';
