import type { ApprovalVerdict } from '@recant/policy';
import type { StoredPlan } from '@recant/store';
import { needText } from './approvals.ts';
import type { RollbackCore } from './core.ts';

/** Milliseconds after which the alarm ends if nobody approves and nobody asks again. */
const WANTED_MS = 86_400_000;
const CODE = 'approval_wanted';

/** Tells people that somebody waits for their approval. Idempotent; does nothing where none is needed. */
export async function wantApproval({ store }: RollbackCore, tenant: string, plan: StoredPlan, verdict: ApprovalVerdict): Promise<void> {
  if (verdict.kind === 'not_needed' || verdict.kind === 'approved') return;
  const condition = {
    code: CODE,
    subject: plan.id,
    detail: `Plan ${plan.id}, made by ${plan.by}, is to undo ${plan.counts.steps} attempts. ${needText(verdict.need)}`,
    action: `Review it, and approve it as another person: \`recant approve ${plan.id}\`. The alarm ends then, with the run, or after a day.`,
  };
  await store.alarms.raise(tenant, [condition], WANTED_MS);
}

export const endWanting = ({ store }: RollbackCore, tenant: string, plan: string): Promise<void> =>
  store.alarms.clear(tenant, CODE, [plan]);
