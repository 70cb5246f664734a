import { ATTEMPT_STATUSES, RESOURCE_BYTES_MAX, type RecantEvent } from '@recant/events';
import { z } from 'zod';
import { index, instant, name, names, reason, shard } from './field.ts';
import type { Immutable } from './immutable.ts';
import { PageQuery, pageOf } from './page.ts';
import { SameCallBody } from './repeats.ts';
import { route } from './route.ts';

/** `ATTEMPT_STATUSES` as a schema. */
export const AttemptStatus = z.enum(ATTEMPT_STATUSES);
export type AttemptStatus = z.infer<typeof AttemptStatus>;

/** What a person may settle an unknown attempt as. */
const RULED_OUTCOMES = ['succeeded', 'failed'] as const;

/** Filters of attempts: fields are and-ed, values of one field or-ed. */
export const attemptFilters = {
  agent: names.meta({ description: 'Exact agent names.' }),
  session: names,
  trace: names.meta({ description: 'W3C trace ids.' }),
  tool: names,
  resource: z
    .array(z.string().min(1).max(RESOURCE_BYTES_MAX))
    .max(100)
    .optional()
    .meta({ description: 'Resource URIs, exact or ending in `*`.' }),
  outcome: z.array(AttemptStatus).max(100).optional(),
  from: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'Start of the window, inclusive: ISO 8601 with a zone, or a duration before now (`2h`, `1h30m`, `PT15M`).' }),
  to: z.string().max(64).optional().meta({ description: 'End of the window, exclusive; same form as `from`.' }),
  clock: z
    .enum(['received', 'claimed'])
    .optional()
    .meta({ description: 'Clock of the window: the ledger’s (`received`, default) or the producer’s (`claimed`).' }),
};

export const AttemptBody = z
  .object({
    source: z.string(),
    action: z.string(),
    attempt: z.int(),
    agent: z.string(),
    tool: z.string(),
    session: z.string().optional(),
    trace: z.string().optional(),
    status: z.string().meta({ description: 'Computed from the events: `open`, an outcome or `unknown`.' }),
    reversibility: z.string(),
    effects: z.int().meta({
      description:
        'Recorded effects, with or without a settlement. What an agent reports about a system that captures by itself does not count.',
    }),
    observed: z.int().meta({ description: 'Of these effects, those that the target recorded; the others are the agent’s word.' }),
    undone: z
      .object({ run: z.string(), at: instant, part: z.literal(true).optional().meta({ description: 'Only rows without conflict.' }) })
      .optional()
      .meta({ description: 'The run that undid it, unless another run undid that one.' }),
    ruled: z
      .object({
        as: z.enum(RULED_OUTCOMES),
        by: z.string(),
        at: instant,
        reason: z.string(),
        contradicted: AttemptStatus.optional().meta({
          description: 'What the agent reported after all, other than that. The status is `unknown` again.',
        }),
      })
      .optional()
      .meta({ description: 'A person settled it while its outcome was unknown: `settleAttempt`.' }),
    login: z.string().optional().meta({ description: 'Without an intent: the login of the target that wrote the transaction.' }),
    transaction: z
      .string()
      .optional()
      .meta({ description: 'Without an intent: `<system> <capture epoch>/<transaction id>`, as the target recorded it.' }),
    intendedAt: instant.meta({ description: 'By the producer’s clock.' }),
    receivedAt: instant.meta({ description: 'By the ledger’s clock.' }),
    settledAt: instant.optional(),
    deadline: instant.optional().meta({
      description:
        'Of an open attempt: from then on it is `unknown`, and a person can settle it. At most a day after its receipt, whatever its agent said.',
    }),
    key: z.string().meta({ description: 'Id of the key that sent it.' }),
    shard,
    index,
  })
  .meta({ id: 'Attempt' });
export type AttemptBody = z.infer<typeof AttemptBody>;
export const AttemptPage = pageOf(AttemptBody)
  .extend({ tail: z.string().meta({ description: 'Cursor for the attempts appended after this page.' }) })
  .meta({ id: 'AttemptPage' });
export type AttemptPage = z.infer<typeof AttemptPage>;

export const listAttempts = route({
  operationId: 'listAttempts',
  method: 'get',
  path: '/v1/attempts',
  tag: 'attempts',
  summary: 'Attempts, newest first',
  description: 'Paged by cursor. New attempts do not shift the pages: each attempt that existed at the first page is listed once.',
  roles: ['view', 'plan', 'execute', 'export', 'administer', 'rollback'],
  query: z.object({ ...attemptFilters, ...PageQuery, order: z.enum(['newest', 'oldest']).optional() }),
  responses: { 200: { description: 'A page', schema: AttemptPage } },
  errors: ['time_invalid', 'time_zone_missing', 'window_empty', 'agent_unknown', 'cursor_invalid', 'projection_behind'],
});

export const RecordedEventBody = z
  .object({ shard, index, receivedAt: instant, key: z.string(), event: z.looseObject({}).meta({ description: 'The recorded event.' }) })
  .meta({ id: 'RecordedEvent' });
export type RecordedEventBody = Immutable<Omit<z.infer<typeof RecordedEventBody>, 'event'>> & { readonly event: RecantEvent };
export const ActionAttempt = AttemptBody.extend({
  complete: z.boolean().meta({ description: 'True if all chunks of the settlement are recorded and their digest matches.' }),
  discrepancies: z
    .object({
      compared: z.boolean().meta({ description: 'False if there were more than 10,000 effects to compare.' }),
      count: z.int(),
      shown: z.array(z.object({ kind: z.enum(['invented', 'misordered', 'withheld']), resource: z.string(), ordinal: z.string() })),
    })
    .meta({
      description: 'Effects that the agent reported otherwise than the target recorded them. They count as the target recorded them.',
    }),
  repeats: z.array(SameCallBody).optional().meta({
    description:
      'On the first page, of an attempt that is compensable, irreversible or declares nothing, and was not denied: other calls that are probably the same one, nearest first, at most 10. Absent: none.',
  }),
  events: z.array(RecordedEventBody).meta({ description: 'Those in this page, in log order.' }),
}).meta({ id: 'ActionAttempt' });
export type ActionAttempt = Immutable<Omit<z.infer<typeof ActionAttempt>, 'events'>> & { readonly events: readonly RecordedEventBody[] };
export const ActionBody = z
  .object({
    action: z.string(),
    attempts: z.array(ActionAttempt),
    next: z.string().optional().meta({ description: 'Cursor of the next page of events; absent on the last.' }),
  })
  .meta({ id: 'Action' });
export type ActionBody = { readonly action: string; readonly attempts: readonly ActionAttempt[]; readonly next?: string | undefined };

export const showAction = route({
  operationId: 'showAction',
  method: 'get',
  path: '/v1/actions/{action}',
  tag: 'attempts',
  summary: 'All attempts of one action, with their events and effects',
  description:
    'A page has at most 4 MiB of events. Each page has every attempt, with its state and those of its events that are in the page.',
  roles: ['view', 'plan', 'execute', 'export', 'administer', 'rollback'],
  params: z.object({ action: name }),
  query: z.object({ cursor: PageQuery.cursor }),
  responses: { 200: { description: 'The action', schema: ActionBody } },
  errors: ['action_unknown', 'cursor_invalid', 'projection_behind'],
});

export const SettledAttempt = z
  .object({ source: z.string(), action: z.string(), attempt: z.int(), status: AttemptStatus })
  .meta({ id: 'SettledAttempt' });
export type SettledAttempt = z.infer<typeof SettledAttempt>;

export const SettleInput = z
  .strictObject({
    as: z
      .enum(RULED_OUTCOMES)
      .meta({ description: '`failed`: without effect, but for what its systems recorded by themselves: that is undone all the same.' }),
    reason,
    attempt: z.int().min(1).optional().meta({ description: 'Default: the only attempt of the action that is unknown.' }),
    source: name.optional().meta({ description: 'Only needed if two sources used one action id.' }),
  })
  .meta({ id: 'SettleAttempt' });
export type SettleInput = z.infer<typeof SettleInput>;

export const settleAttempt = route({
  operationId: 'settleAttempt',
  method: 'post',
  path: '/v1/actions/{action}/settlement',
  tag: 'attempts',
  summary: 'Settle an attempt whose outcome is unknown',
  description:
    'By the target’s evidence or a person’s word, with a reason. Plans and lists use it from then on. If the agent reports another outcome after all, the attempt is unknown again and shows both.',
  roles: ['execute', 'administer'],
  params: z.object({ action: name }),
  body: {
    kind: 'json',
    schema: SettleInput,
  },
  responses: { 200: { description: 'Settled', schema: SettledAttempt } },
  errors: ['action_unknown', 'attempt_not_unknown', 'attempt_ambiguous', 'projection_behind'],
});
