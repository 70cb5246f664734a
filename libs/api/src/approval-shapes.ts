import { APPROVAL_NEEDS, APPROVAL_STATES } from '@recant/events';
import { z } from 'zod';
import { instant } from './field.ts';

/** Seconds for which an approval is good. */
const SECONDS_DEFAULT = 3_600;
const SECONDS_MIN = 60;
const SECONDS_MAX = 86_400;

export const ApprovalInput = z
  .object({
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: 'Of the plan that was looked at.' }),
    seconds: z.int().min(SECONDS_MIN).max(SECONDS_MAX).default(SECONDS_DEFAULT).meta({ description: 'How long it is good for.' }),
  })
  .meta({ id: 'ApprovalInput' });
export type ApprovalInput = z.infer<typeof ApprovalInput>;

export const ApprovalBody = z
  .object({
    digest: z.string(),
    by: z.string().meta({ description: '`person:<subject>`.' }),
    approvedAt: instant,
    expiresAt: instant,
  })
  .meta({ id: 'Approval' });
export type ApprovalBody = z.infer<typeof ApprovalBody>;

export const ApprovalState = z
  .object({
    state: z.enum(APPROVAL_STATES),
    need: z.enum(APPROVAL_NEEDS).optional().meta({
      description:
        'Why a second person is needed. rule: every plan needs one here. claimed: it undoes what only the agent’s process has said. window: no name selects, but a window, outcomes or resources of any system.',
    }),
    given: z.array(ApprovalBody).meta({ description: 'The last 100, newest first; expired ones too.' }),
  })
  .meta({ id: 'ApprovalState' });
export type ApprovalState = z.infer<typeof ApprovalState>;
