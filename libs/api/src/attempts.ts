import { ATTEMPT_STATUSES, RESOURCE_BYTES_MAX, type RecantEvent } from '@recant/events';
import { z } from 'zod';
import { index, instant, name, names, shard } from './field.ts';
import type { Immutable } from './immutable.ts';
import { PageQuery, pageOf } from './page.ts';
import { route } from './route.ts';

/** Computed from the events of an attempt: how it ended, or that it has not, or that nobody knows, or that there is more than one end. */
export const AttemptStatus = z.enum(ATTEMPT_STATUSES);
export type AttemptStatus = z.infer<typeof AttemptStatus>;

/** One grammar of selections for API, CLI and console: fields are and-ed, values of one field or-ed. */
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
  from: z.string().max(64).optional().meta({ description: 'ISO 8601 with a zone, or how long ago: `2h`, `PT15M`. Included.' }),
  to: z.string().max(64).optional().meta({ description: 'As `from`. Not included.' }),
  clock: z
    .enum(['received', 'claimed'])
    .optional()
    .meta({ description: 'Whose clock the window is about: the ledger’s (default) or the producer’s.' }),
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
    status: z.string().meta({ description: 'Computed from the events: `open`, an outcome, `unknown` or `contested`.' }),
    reversibility: z.string(),
    effects: z.int().meta({ description: 'Effects that the settlement counts; 0 while there is none.' }),
    intendedAt: instant.meta({ description: 'By the producer’s clock.' }),
    receivedAt: instant.meta({ description: 'By the ledger’s clock.' }),
    settledAt: instant.optional(),
    key: z.string().meta({ description: 'Id of the key it came in under.' }),
    shard,
    index,
  })
  .meta({ id: 'Attempt' });
export type AttemptBody = z.infer<typeof AttemptBody>;
export const AttemptPage = pageOf(AttemptBody)
  .extend({ tail: z.string().meta({ description: 'Cursor of a list of what is appended after this page was made.' }) })
  .meta({ id: 'AttemptPage' });
export type AttemptPage = z.infer<typeof AttemptPage>;

export const listAttempts = route({
  operationId: 'listAttempts',
  method: 'get',
  path: '/v1/attempts',
  tag: 'attempts',
  summary: 'Attempts, newest first',
  description: 'Pages by cursor: what is appended meanwhile neither repeats nor hides an attempt that was there at the first page.',
  roles: ['view', 'plan', 'execute', 'export', 'administer', 'rollback'],
  query: z.object({ ...attemptFilters, ...PageQuery, order: z.enum(['newest', 'oldest']).optional() }),
  responses: { 200: { description: 'A page', schema: AttemptPage } },
  errors: ['time_invalid', 'time_zone_missing', 'window_empty', 'agent_unknown', 'cursor_invalid'],
});

export const RecordedEventBody = z
  .object({ shard, index, receivedAt: instant, key: z.string(), event: z.looseObject({}).meta({ description: 'The event as recorded.' }) })
  .meta({ id: 'RecordedEvent' });
export type RecordedEventBody = Immutable<Omit<z.infer<typeof RecordedEventBody>, 'event'>> & { readonly event: RecantEvent };
/** `effects` counts what was recorded, whether or not a settlement counts it too. */
export const ActionAttempt = AttemptBody.extend({
  complete: z.boolean().meta({ description: 'All chunks that the settlement counts are in, and the digest fits.' }),
  events: z.array(RecordedEventBody),
}).meta({ id: 'ActionAttempt' });
export type ActionAttempt = Immutable<Omit<z.infer<typeof ActionAttempt>, 'events'>> & { readonly events: readonly RecordedEventBody[] };
export const ActionBody = z.object({ action: z.string(), attempts: z.array(ActionAttempt) }).meta({ id: 'Action' });
export type ActionBody = { readonly action: string; readonly attempts: readonly ActionAttempt[] };

export const showAction = route({
  operationId: 'showAction',
  method: 'get',
  path: '/v1/actions/{action}',
  tag: 'attempts',
  summary: 'All attempts of one action, with their events and effects',
  roles: ['view', 'plan', 'execute', 'export', 'administer', 'rollback'],
  params: z.object({ action: name }),
  responses: { 200: { description: 'The action', schema: ActionBody } },
  errors: ['action_unknown'],
});
