import { DECLARED_RESOURCES_MAX } from '@recant/events';
import { z } from 'zod';
import { instant, name, ordinal, reason } from './field.ts';
import { type Page, PageQuery, pageOf } from './page.ts';
import { route } from './route.ts';

const expires = z
  .string()
  .max(64)
  .optional()
  .meta({ description: 'When it ends by itself: ISO 8601 with a zone, or a duration from now (`2h`). Default: 24 hours.' });
export const FENCE_EXPIRES_DEFAULT = '24h';

const FenceAllowBody = z
  .object({
    by: z.string(),
    reason: z.string(),
    at: instant,
    used: z
      .object({ at: instant, source: z.string(), event: z.string() })
      .optional()
      .meta({ description: 'The intent that used the permission. Absent: it lets the next call through.' }),
  })
  .meta({ id: 'FenceAllow' });

export const FenceBody = z
  .object({
    fence: z.uuid(),
    tool: z.string(),
    resources: z.array(z.string()).meta({
      description: 'What the call declares; the first 20. Empty: the call declares nothing, so its arguments are compared.',
    }),
    resourceCount: z.int(),
    agent: z.string().optional().meta({ description: 'Absent: calls of every agent.' }),
    reason: z.string(),
    by: z.string().meta({ description: 'Who set it.' }),
    setAt: instant,
    expiresAt: instant,
    run: z.string().optional().meta({ description: 'The run that undoes the call.' }),
    allow: FenceAllowBody.optional().meta({ description: 'The newest permission for one call.' }),
    stopped: z.int().meta({ description: 'Calls that it stopped, counted up to 1,000.' }),
    ended: z
      .object({ at: instant, by: z.string().optional(), reason: z.string().optional() })
      .optional()
      .meta({ description: 'Without `by` it expired.' }),
  })
  .meta({ id: 'Fence' });
export type FenceBody = z.infer<typeof FenceBody>;

export const FencePage = pageOf(FenceBody).meta({ id: 'FencePage' });
export type FencePage = Page<FenceBody>;

export const SetFenceBody = z
  .object({
    action: z.uuid().optional().meta({ description: 'A recorded action, whose call must not be repeated. Instead of tool and resources.' }),
    attempt: ordinal.optional().meta({ description: 'Of the action; default: the last one.' }),
    tool: name.optional(),
    resources: z
      .array(z.string().min(1).max(1_024))
      .min(1)
      .max(DECLARED_RESOURCES_MAX)
      .optional()
      .meta({ description: 'Exactly the resources that the calls declare, in any order.' }),
    agent: name.optional().meta({ description: 'Only calls of this agent.' }),
    reason,
    expires,
  })
  .meta({ id: 'SetFence' });
export type SetFenceBody = z.infer<typeof SetFenceBody>;

const one = z.object({ fence: z.uuid() });
const readers = ['view', 'export', 'administer', 'execute'] as const;
const writers = ['execute', 'administer'] as const;

export const setFence = route({
  operationId: 'setFence',
  method: 'post',
  path: '/v1/fences',
  tag: 'ledger',
  summary: 'Stop the repetition of a call',
  description:
    'A call repeats another one if it has the same tool and declares the same resources; if it declares none, the same tool and arguments. Its intent is recorded and answered with `fenced`. A fence of the same call that is in force is returned, and lasts until the later time.',
  roles: writers,
  body: { kind: 'json', schema: SetFenceBody },
  responses: { 200: { description: 'In force', schema: FenceBody } },
  errors: [
    'projection_behind',
    'fence_call_invalid',
    'fence_call_unknown',
    'action_unknown',
    'fences_too_many',
    'time_invalid',
    'time_zone_missing',
    'key_time_invalid',
  ],
});

export const listFences = route({
  operationId: 'listFences',
  method: 'get',
  path: '/v1/fences',
  tag: 'ledger',
  summary: 'Fences in force, newest first',
  roles: readers,
  query: z.object({
    all: z.boolean().optional().meta({ description: 'Include fences that have ended.' }),
    run: name.optional().meta({ description: 'Only those that this run set.' }),
    ...PageQuery,
  }),
  responses: { 200: { description: 'A page', schema: FencePage } },
  errors: ['cursor_invalid'],
});

export const showFence = route({
  operationId: 'showFence',
  method: 'get',
  path: '/v1/fences/{fence}',
  tag: 'ledger',
  summary: 'One fence',
  roles: readers,
  params: one,
  responses: { 200: { description: 'The fence', schema: FenceBody } },
  errors: ['fence_unknown'],
});

export const allowFenced = route({
  operationId: 'allowFenced',
  method: 'post',
  path: '/v1/fences/{fence}/allow',
  tag: 'ledger',
  summary: 'Let exactly one repetition of a fenced call through',
  description:
    'The first intent that is recorded uses it, whichever replica of the ledger records it. A permission that nobody used yet is returned as it is.',
  roles: writers,
  params: one,
  body: { kind: 'json', schema: z.object({ reason }) },
  responses: { 200: { description: 'Allowed', schema: FenceBody } },
  errors: ['fence_unknown', 'fence_ended'],
});

export const endFence = route({
  operationId: 'endFence',
  method: 'post',
  path: '/v1/fences/{fence}/end',
  tag: 'ledger',
  summary: 'End a fence',
  roles: writers,
  params: one,
  body: { kind: 'json', schema: z.object({ reason }) },
  responses: { 200: { description: 'Ended', schema: FenceBody } },
  errors: ['fence_unknown', 'fence_ended'],
});

export const FenceAnswer = z
  .object({
    fenced: z.boolean(),
    fence: z.uuid().optional(),
    detail: z.string().optional(),
  })
  .meta({ id: 'FenceAnswer' });
export type FenceAnswer = z.infer<typeof FenceAnswer>;

export const FenceQuestion = z
  .object({
    source: name,
    agent: name,
    action: z.uuid(),
    attempt: ordinal,
    call: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({
        description:
          'Hex SHA-256 of canonical JSON: `{"resources": [...], "tool": ...}` with sorted resources, or `{"arguments": ..., "tool": ...}`.',
      }),
  })
  .meta({ id: 'FenceQuestion' });
export type FenceQuestion = z.infer<typeof FenceQuestion>;

export const askFence = route({
  operationId: 'askFence',
  method: 'post',
  path: '/v1/fences/ask',
  tag: 'ledger',
  summary: 'Ask whether a fence stops a call',
  description:
    'For recorders over Kafka, whose intents the broker acknowledges: over HTTP the answer to the intent says the same. The same question gets the same answer; a permission for one call is used by the answer.',
  roles: ['emit'],
  callers: 'keys',
  record: 'none',
  body: { kind: 'json', schema: FenceQuestion },
  responses: { 200: { description: 'The answer', schema: FenceAnswer } },
  errors: ['source_not_allowed', 'agent_not_allowed'],
});
