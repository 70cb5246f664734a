import { APPROVAL_NEEDS, APPROVAL_STATES } from '@recant/events';
import { z } from 'zod';
import { instant } from './field.ts';

/** Seconds for which an approval is valid. */
const SECONDS_DEFAULT = 3_600;
const SECONDS_MIN = 60;
const SECONDS_MAX = 86_400;

export const ApprovalInput = z
  .object({
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: 'Digest of the reviewed plan.' }),
    seconds: z
      .int()
      .min(SECONDS_MIN)
      .max(SECONDS_MAX)
      .default(SECONDS_DEFAULT)
      .meta({ description: 'Validity of the approval in seconds.' }),
  })
  .meta({ id: 'ApprovalInput' });
export type ApprovalInput = z.infer<typeof ApprovalInput>;

export const ApprovalBody = z
  .object({
    digest: z.string(),
    by: z.string().meta({ description: '`person:<subject>`.' }),
    approvedAt: instant,
    expiresAt: instant,
    reason: z.string().optional(),
    withdrawn: z.literal(true).optional().meta({ description: 'true: it was withdrawn before the run started.' }),
  })
  .meta({ id: 'Approval' });
export type ApprovalBody = z.infer<typeof ApprovalBody>;

export const StatementBody = z
  .object({
    by: z.string().meta({ description: 'A key id, or `person:<subject>`.' }),
    at: instant,
    reason: z.string().optional(),
  })
  .meta({ id: 'ApprovalStatement' });
export type StatementBody = z.infer<typeof StatementBody>;

export const ApprovalState = z
  .object({
    state: z.enum(APPROVAL_STATES),
    need: z.enum(APPROVAL_NEEDS).optional().meta({
      description:
        'Why the plan needs a second person. rule: this service requires one for every plan. claimed: the plan undoes effects that only the agent’s process reported. window: the selection names no agent, tool or system, only a window, outcomes, a condition or resources of any system. cascade: the plan undoes more than 20 attempts of agents that were not selected. size: the plan changes more rows and files than one run may. force: the plan overwrites later values of others.',
    }),
    authors: z.array(z.string()).optional().meta({
      description:
        'With `need`: everybody who may have made the plan and so cannot approve it, as `person:<subject>`. Empty: it was made with a key that nobody is on record for, and nobody can approve it.',
    }),
    given: z.array(ApprovalBody).meta({ description: 'The last 100 approvals, newest first, including expired and withdrawn ones.' }),
    withdrawal: StatementBody.optional().meta({ description: 'The last withdrawal: approvals up to it do not count.' }),
    breakGlass: StatementBody.optional().meta({ description: 'The run was started without the approval that the plan needs.' }),
  })
  .meta({ id: 'ApprovalState' });
export type ApprovalState = z.infer<typeof ApprovalState>;
