import { NAME_BYTES_MAX, ROW_FATES } from '@recant/events';
import { z } from 'zod';
import { ordinal } from './field.ts';
import type { Immutable } from './immutable.ts';
import { PageQuery } from './page.ts';
import { AttemptRefBody } from './plan-items.ts';
import { route } from './route.ts';

/** Rows of one page whose values are read: each costs the system a look into its capture. */
export const VALUE_ROWS_MAX = 100;

const PartValueBody = z
  .object({
    part: z.string(),
    before: z.string().optional().meta({ description: 'Quoted, or NULL; absent where the row did not exist.' }),
    after: z.string().optional().meta({ description: 'As the attempt left it.' }),
    hidden: z
      .enum(['long', 'gone', 'masked'])
      .optional()
      .meta({ description: 'Why neither is shown: longer than 200 characters, erased or expired, or matched by a redaction rule.' }),
  })
  .meta({ id: 'PartValue' });
export const PlanRowBody = z
  .object({
    resource: z.string(),
    fate: z.enum(ROW_FATES).meta({
      description:
        'stays: as the agent left it. overwrites: later values of others are lost (mode force). removed, comes_back, restored: undone. unchanged: the attempt left it as it was.',
    }),
    step: z.int().optional().meta({ description: 'Absent: no step undoes anything of it.' }),
    ref: AttemptRefBody,
    agent: z.string(),
    tool: z.string(),
    detail: z.string().meta({ description: 'Parts that go back; whose values are lost; why it stays.' }),
    overwrites: z
      .array(
        z.object({
          part: z.string(),
          version: z.string().nullable().meta({ description: 'The version that is lost. Another one at the run is a conflict.' }),
          through: z.string().meta({ description: 'Ordinal of the last write by somebody else. A later one is a conflict.' }),
          who: z.string().meta({ description: 'Who wrote it, as the target captured it, and when.' }),
          by: z
            .object({ ref: AttemptRefBody, agent: z.string(), tool: z.string() })
            .optional()
            .meta({ description: 'The attempt that wrote it, if one is recorded.' }),
          detail: z.string().meta({ description: 'With the values, where they are short and may be shown.' }),
        }),
      )
      .optional()
      .meta({ description: 'Fate `overwrites`: the later values of others that are lost. Nothing else is overwritten.' }),
    values: z.array(PartValueBody).optional().meta({
      description:
        'With `values`: the first 50 parts that the attempt changed. Absent: the system has none that can be shown, or does not answer.',
    }),
  })
  .meta({ id: 'PlanRow' });
export type PlanRowBody = Immutable<z.infer<typeof PlanRowBody>>;
export const PlanRowPage = z
  .object({
    items: z.array(PlanRowBody),
    next: z.string().optional().meta({ description: 'Cursor of the next page; absent on the last.' }),
    counts: z.partialRecord(z.enum(ROW_FATES), z.int()).meta({ description: 'All rows that match, by what happens to them.' }),
  })
  .meta({ id: 'PlanRowPage' });
export type PlanRowPage = Immutable<z.infer<typeof PlanRowPage>>;

export const listPlanRows = route({
  operationId: 'listPlanRows',
  method: 'get',
  path: '/v1/plans/{plan}/rows',
  tag: 'rollback',
  summary: 'Rows and files of a plan one by one, those that stay first',
  description: `Values come from the capture of the systems when the request is made, masked; the plan has none of them. With \`values\` a page has at most ${VALUE_ROWS_MAX} rows.`,
  roles: ['view', 'plan', 'execute', 'administer', 'approve'],
  params: z.object({ plan: z.string().min(1).max(NAME_BYTES_MAX) }),
  query: z.object({
    in: z.string().max(4_096).optional().meta({ description: 'What the resource starts with: a table or folder.' }),
    step: ordinal.optional(),
    fate: z.enum(ROW_FATES).optional(),
    values: z.boolean().optional().meta({ description: 'With the values before and after the attempt.' }),
    ...PageQuery,
  }),
  responses: { 200: { description: 'A page', schema: PlanRowPage } },
  errors: ['plan_unknown', 'cursor_invalid'],
});
