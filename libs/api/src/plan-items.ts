import { CONFLICT_KINDS, GRADES, LEFT_REASONS, NAME_BYTES_MAX, ROW_FATES } from '@recant/events';
import { z } from 'zod';
import type { Immutable } from './immutable.ts';
import { PageQuery, pageOf } from './page.ts';
import { route } from './route.ts';

export const AttemptRefBody = z.object({ source: z.string(), action: z.string(), attempt: z.int() }).meta({ id: 'AttemptRef' });
const who = { ref: AttemptRefBody, agent: z.string(), tool: z.string() };
export const PlanStepBody = z
  .object({
    step: z.int(),
    undoes: AttemptRefBody,
    agent: z.string(),
    tool: z.string(),
    grade: z.enum(GRADES),
    unknown: z
      .string()
      .optional()
      .meta({ description: 'Effects of the attempt that were only counted, so that the step does not undo them.' }),
    remains: z.string().optional().meta({
      description: 'What stays of the attempt, because its agent’s own record prevents undoing it. What targets captured is undone.',
    }),
    cascaded: z.literal(true).optional().meta({ description: 'Not selected: a dependent of a selected attempt.' }),
    stays: z.int().optional().meta({ description: 'Rows and files of the attempt that are in conflict: they stay as they are.' }),
    overwrites: z.int().optional().meta({ description: 'Later values of others that the step overwrites (mode `force`).' }),
    systems: z.array(
      z.object({
        system: z.string(),
        connector: z.string(),
        effects: z.int(),
        resources: z.int().meta({ description: 'Rows and files that the step changes there.' }),
      }),
    ),
    changes: z
      .array(
        z.object({
          fate: z.enum(ROW_FATES),
          parts: z.array(z.string()).meta({ description: 'What goes back; of `restored` only. The first 50.' }),
          rows: z.int(),
          resources: z.array(z.string()).meta({ description: 'The first 10 of them.' }),
        }),
      )
      .meta({
        description:
          'What the step does, rows to which the same happens together, the most of them first; at most 10. `listPlanRows` has each row.',
      }),
    after: z.array(z.int()),
  })
  .meta({ id: 'PlanStep' });
export const ConflictBody = z
  .object({
    kind: z.enum(CONFLICT_KINDS),
    ...who,
    resource: z.string().optional(),
    part: z.string().optional(),
    by: z.object(who).optional(),
    detail: z.string(),
    askedAtMs: z
      .int()
      .optional()
      .meta({ description: 'When the target answered, in milliseconds since 1970; absent: the conflict follows from the ledger.' }),
    passed: z.literal(true).optional().meta({
      description: 'A mode of its own leaves the attempt out (`overrides`): the conflict does not stop a plan in mode `refuse`.',
    }),
  })
  .meta({ id: 'Conflict' });
export const LeftBody = z
  .object({
    ...who,
    reason: z.enum(LEFT_REASONS),
    detail: z.string(),
  })
  .meta({ id: 'LeftAttempt' });
export const AmbiguousBody = z
  .object({ ...who, changes: z.int(), resources: z.array(z.string()).meta({ description: 'The first of them.' }) })
  .meta({
    id: 'AmbiguousChanges',
    description: 'Changes during an attempt that somebody else may have made. They stay unless they are selected.',
  });
const wrote = z
  .literal(true)
  .optional()
  .meta({ description: 'It changed the resource afterwards. Absent: it read a value that is undone.' });
/** Another attempt that may have built on what is undone. */
export const TaintBody = z.object({ ...who, resource: z.string(), parts: z.array(z.string()), wrote }).meta({ id: 'Taint' });
const counted = (description: string) => z.int().meta({ description });
export const PlanCountsBody = z
  .object({
    steps: z.int(),
    left: counted('Selected attempts without a step.'),
    conflicts: z.int(),
    stopping: counted('Of `conflicts`, those that stop a plan in mode `refuse`.'),
    ambiguous: z.int(),
    tainted: z.int(),
    cascaded: counted('Steps of attempts that nobody selected.'),
    claimed: counted('Steps whose effects only the agent’s own process reported.'),
    overwriting: counted('Steps that overwrite later values of others (mode `force`).'),
    overwrites: counted('These values.'),
    rows: counted('Different rows and files that the steps change.'),
  })
  .meta({ id: 'PlanCounts' });
export const PlanStepPage = pageOf(PlanStepBody).meta({ id: 'PlanStepPage' });
export const ConflictPage = pageOf(ConflictBody).meta({ id: 'ConflictPage' });
export const LeftPage = pageOf(LeftBody).meta({ id: 'LeftAttemptPage' });
export const AmbiguousPage = pageOf(AmbiguousBody).meta({ id: 'AmbiguousChangesPage' });
export const TaintPage = pageOf(TaintBody).meta({ id: 'TaintPage' });
export type PlanStepView = Immutable<z.infer<typeof PlanStepBody>>;
export type ConflictView = Immutable<z.infer<typeof ConflictBody>>;
export type LeftView = Immutable<z.infer<typeof LeftBody>>;
export type AmbiguousView = Immutable<z.infer<typeof AmbiguousBody>>;
export type TaintView = Immutable<z.infer<typeof TaintBody>>;

const listOfPlan = {
  method: 'get',
  tag: 'rollback',
  roles: ['view', 'plan', 'execute', 'administer', 'approve'],
  description: 'A page has at most 4 MiB.',
  params: z.object({ plan: z.string().min(1).max(NAME_BYTES_MAX) }),
  query: z.object(PageQuery),
  errors: ['plan_unknown', 'cursor_invalid'],
} as const;
export const listPlanSteps = route({
  ...listOfPlan,
  operationId: 'listPlanSteps',
  path: '/v1/plans/{plan}/steps',
  summary: 'Steps of a plan, in the order of their execution',
  description: 'A page has at most 4 MiB. What a step does is grouped; `listPlanRows` has its rows.',
  responses: { 200: { description: 'A page', schema: PlanStepPage } },
});
export const listPlanConflicts = route({
  ...listOfPlan,
  operationId: 'listPlanConflicts',
  path: '/v1/plans/{plan}/conflicts',
  summary: 'Conflicts of a plan: why it cannot run (mode `refuse`), or what stays',
  responses: { 200: { description: 'A page', schema: ConflictPage } },
});
export const listPlanLeft = route({
  ...listOfPlan,
  operationId: 'listPlanLeft',
  path: '/v1/plans/{plan}/left',
  summary: 'Selected attempts for which a plan has no step, and why',
  responses: { 200: { description: 'A page', schema: LeftPage } },
});
export const listPlanAmbiguous = route({
  ...listOfPlan,
  operationId: 'listPlanAmbiguous',
  path: '/v1/plans/{plan}/ambiguous',
  summary: 'Changes during selected attempts that somebody else may have made',
  responses: { 200: { description: 'A page', schema: AmbiguousPage } },
});
export const listPlanTainted = route({
  ...listOfPlan,
  operationId: 'listPlanTainted',
  path: '/v1/plans/{plan}/tainted',
  summary: 'Other attempts that read a value which a plan undoes: a lower bound',
  responses: { 200: { description: 'A page', schema: TaintPage } },
});
