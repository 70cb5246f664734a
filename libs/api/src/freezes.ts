import { NAME_BYTES_MAX } from '@recant/events';
import { z } from 'zod';
import { instant, name, reason } from './field.ts';
import { type Page, PageQuery, pageOf } from './page.ts';
import { OpenInTargetBody } from './rollback-shapes.ts';
import { route } from './route.ts';
import { SelectionInput } from './selection-shapes.ts';

/** How long a lease permits new actions by default, in milliseconds: a process that stopped or lost its connection starts none after this long. */
export const LEASE_MS = 5_000;
/** Bounds of its configuration. Shorter, and recorders renew it more often than the ledger answers under load; longer, and an order of a freeze outlasts its request. */
export const LEASE_MS_MIN = 1_000;
export const LEASE_MS_MAX = 20_000;
/** Longest wait of a request for a lease, in milliseconds. */
export const LEASE_WAIT_MS_MAX = 2_000;

const scope = z.enum(['agent', 'principal', 'session', 'tool', 'tenant']).meta({
  description: '`principal`: on whose behalf (`onBehalfOf`). `tenant`: everything.',
});
const value = z
  .string()
  .max(NAME_BYTES_MAX)
  .optional()
  .meta({ description: 'The exact name of the agent, principal, session or tool; absent for the scope `tenant`.' });
const FreezeFields = {
  freeze: z.uuid(),
  scope,
  value,
  reason: z.string(),
  by: z.string().meta({ description: 'Who ordered it.' }),
  orderedAt: instant,
  expiresAt: instant.optional().meta({ description: 'When it ends by itself. Absent: never.' }),
};

export const FreezeRuleBody = z.object(FreezeFields).meta({ id: 'FreezeRule' });
export type FreezeRuleBody = z.infer<typeof FreezeRuleBody>;

export const FreezeBody = z
  .object({
    ...FreezeFields,
    effectiveAt: instant.optional().meta({
      description:
        'After this time no recorder with a lease starts a frozen action, and no registered system that enforces freezes lets one take effect. Absent until then.',
    }),
    ended: z
      .object({ at: instant, by: z.string().optional(), reason: z.string().optional() })
      .optional()
      .meta({ description: 'Without `by` it expired.' }),
  })
  .meta({ id: 'Freeze' });
export type FreezeBody = z.infer<typeof FreezeBody>;

const SystemFreezeBody = z
  .object({
    system: z.string(),
    effectiveAt: instant.optional(),
    logins: z.array(z.string()).meta({ description: 'Logins whose writes of captured tables are refused.' }),
    open: z
      .array(OpenInTargetBody)
      .meta({ description: 'What these logins had open when the freeze was set, and still have: it may take effect.' }),
    unfrozen: z
      .object({ count: z.int(), shown: z.array(z.string()) })
      .meta({ description: 'Tables that these logins may write and that are not captured: nothing is refused there.' }),
    problem: z.string().optional().meta({ description: 'Why the freeze is not effective there.' }),
  })
  .meta({ id: 'SystemFreeze' });
const sources = z.object({ count: z.int(), shown: z.array(z.string()) });
export const FreezeProgressBody = FreezeBody.extend({
  waiting: sources.meta({ description: 'Recorders that may still start a frozen action. Each answers, or its lease expires.' }),
  unleased: sources.meta({
    description: 'Open sources of this scope that record without a lease, so nothing stops them. Stop their processes.',
  }),
  systems: z.array(SystemFreezeBody).meta({
    description:
      'Registered systems that refuse frozen writes themselves. Empty for the scopes principal, session and tool: systems do not know those.',
  }),
}).meta({ id: 'FreezeProgress' });
export type FreezeProgressBody = z.infer<typeof FreezeProgressBody>;

export const FreezePage = pageOf(FreezeBody).meta({ id: 'FreezePage' });
export type FreezePage = Page<FreezeBody>;

export const OrderFreezeBody = z.object({
  scope,
  value,
  reason,
  expires: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'When it ends by itself: ISO 8601 with a zone, or a duration from now (`2h`). Default: never.' }),
  selection: SelectionInput.optional().meta({
    description: 'What is going to be undone. The act records it, so that another operator can go on with the rollback.',
  }),
});
export type OrderFreezeBody = z.infer<typeof OrderFreezeBody>;

export const orderFreeze = route({
  operationId: 'orderFreeze',
  method: 'post',
  path: '/v1/freezes',
  tag: 'ledger',
  summary: 'Stop an agent, principal, session, tool or the tenant from starting actions',
  description:
    'Answers once the freeze is effective, or at most 5 s after the last lease must have ended. Running actions go on, and are recorded and settled. A freeze of the same target that is in force is returned as it is.',
  roles: ['execute', 'administer'],
  body: { kind: 'json', schema: OrderFreezeBody },
  responses: { 200: { description: 'In force', schema: FreezeProgressBody } },
  errors: ['freeze_target_invalid', 'freezes_too_many', 'time_invalid', 'time_zone_missing', 'key_time_invalid'],
});

export const listFreezes = route({
  operationId: 'listFreezes',
  method: 'get',
  path: '/v1/freezes',
  tag: 'ledger',
  summary: 'Freezes in force, newest first',
  roles: ['view', 'export', 'administer', 'execute'],
  query: z.object({ all: z.boolean().optional().meta({ description: 'Include freezes that have ended.' }), ...PageQuery }),
  responses: { 200: { description: 'A page', schema: FreezePage } },
  errors: ['cursor_invalid'],
});

export const showFreeze = route({
  operationId: 'showFreeze',
  method: 'get',
  path: '/v1/freezes/{freeze}',
  tag: 'ledger',
  summary: 'One freeze, and what it waits for',
  roles: ['view', 'export', 'administer', 'execute'],
  params: z.object({ freeze: z.uuid() }),
  responses: { 200: { description: 'The freeze', schema: FreezeProgressBody } },
  errors: ['freeze_unknown'],
});

export const thawFreeze = route({
  operationId: 'thawFreeze',
  method: 'post',
  path: '/v1/freezes/{freeze}/thaw',
  tag: 'ledger',
  summary: 'End a freeze',
  roles: ['execute', 'administer'],
  params: z.object({ freeze: z.uuid() }),
  body: { kind: 'json', schema: z.object({ reason }) },
  responses: { 200: { description: 'Ended', schema: FreezeBody } },
  errors: ['freeze_unknown', 'freeze_ended'],
});

export const LeaseBody = z
  .object({
    version: z.int().meta({ description: 'Number of the latest change of the freezes.' }),
    granted: z
      .boolean()
      .meta({ description: 'False if `applied` is an older version: apply `freezes`, then ask again with this version.' }),
    leaseMs: z.int().meta({ description: 'Length of the lease in milliseconds, from the moment at which the request was sent.' }),
    freezes: z.array(FreezeRuleBody),
    fences: z.array(z.string()).optional().meta({
      description:
        'First 16 digits of the keys of calls that a fence may stop, if asked for and changed since `applied`. Ask about such a call before it starts (`POST /v1/fences/ask`).',
    }),
  })
  .meta({ id: 'Lease' });
export type LeaseBody = z.infer<typeof LeaseBody>;

export const takeLease = route({
  operationId: 'takeLease',
  method: 'post',
  path: '/v1/lease',
  tag: 'ledger',
  summary: 'Ask for permission to start actions, and learn of freezes',
  description:
    'A recorder starts no action without a lease. With `waitMs` the answer comes as soon as a freeze is ordered or ends, at the latest after that time.',
  roles: ['emit'],
  callers: 'keys',
  record: 'none',
  body: {
    kind: 'json',
    schema: z.object({
      source: name.meta({ description: 'Event source of the recorder.' }),
      agent: name,
      applied: z.int().min(0).meta({ description: 'Version of the freezes that the recorder obeys; 0 for none.' }),
      waitMs: z.int().min(0).max(LEASE_WAIT_MS_MAX).optional(),
      fences: z.boolean().optional().meta({ description: 'The recorder sends its intents over Kafka, where nobody answers them.' }),
    }),
  },
  responses: { 200: { description: 'The freezes', schema: LeaseBody } },
  errors: ['source_not_allowed', 'agent_not_allowed'],
});
