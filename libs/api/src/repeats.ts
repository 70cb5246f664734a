import { ATTEMPT_STATUSES, NAME_BYTES_MAX, REVERSIBILITIES } from '@recant/events';
import { z } from 'zod';
import { instant } from './field.ts';
import type { Immutable } from './immutable.ts';
import { route } from './route.ts';

const ref = { source: z.string(), action: z.string(), attempt: z.int() };

export const SameCallBody = z
  .object({
    ...ref,
    agent: z.string(),
    status: z.enum(ATTEMPT_STATUSES),
    receivedAt: instant.meta({ description: 'By the ledger’s clock.' }),
    gapMs: z
      .int()
      .meta({ description: 'Milliseconds from the receipt of the attempt to that of this call: negative where this call came first.' }),
  })
  .meta({
    id: 'SameCall',
    description:
      'A call of another action with the same tool, arguments and declared resources, received within 10 minutes: probably a repeat. Whether both took effect is not known: check it.',
  });
export type SameCallBody = Immutable<z.infer<typeof SameCallBody>>;

export const RepeatedAttemptBody = z
  .object({
    ...ref,
    agent: z.string(),
    tool: z.string(),
    status: z.enum(ATTEMPT_STATUSES),
    reversibility: z.enum(REVERSIBILITIES),
    receivedAt: instant,
    same: z
      .array(SameCallBody)
      .meta({ description: 'Nearest first, at most 10. A later call that the plan selects as well is listed with itself.' }),
  })
  .meta({ id: 'RepeatedAttempt' });
export const PlanRepeatsBody = z
  .object({
    items: z.array(RepeatedAttemptBody),
    compared: z.int().meta({ description: 'Attempts that were compared with the 20 nearest calls of their tool before and after.' }),
    incomparable: z.int().meta({
      description:
        'Further such attempts that nothing tells apart: their arguments are sealed or over 8 KiB, or they have neither arguments nor resources.',
    }),
    more: z.boolean().meta({ description: 'The plan has more such attempts; they were not compared.' }),
  })
  .meta({ id: 'PlanRepeats' });
export type PlanRepeatsBody = Immutable<z.infer<typeof PlanRepeatsBody>>;

export const listPlanRepeats = route({
  operationId: 'listPlanRepeats',
  method: 'get',
  path: '/v1/plans/{plan}/repeats',
  tag: 'rollback',
  summary: 'Selected attempts of a plan that are probably repeats of other calls',
  description: [
    'Attempts that are compensable, irreversible or declare nothing, and that were not denied: at most 300, those that the plan leaves first. Retries of one action are no repeats. As the ledger',
    'has it now: no part of the plan.',
  ].join(' '),
  roles: ['view', 'plan', 'execute', 'administer', 'approve'],
  params: z.object({ plan: z.string().min(1).max(NAME_BYTES_MAX) }),
  responses: { 200: { description: 'The repeats', schema: PlanRepeatsBody } },
  errors: ['plan_unknown', 'projection_behind'],
});
