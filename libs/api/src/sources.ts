import { z } from 'zod';
import { instant, shard } from './field.ts';
import { PageQuery, pageOf } from './page.ts';
import { route } from './route.ts';

const count = z.int().min(0);

export const SourceBody = z
  .object({
    source: z.string(),
    shard,
    agent: z.string(),
    state: z.enum(['open', 'lost', 'closed']).meta({ description: '`lost`: silent for longer than the lease that it announced.' }),
    receivedAt: instant.meta({ description: 'When the ledger recorded its latest event.' }),
    leaseMs: z.int().optional().meta({ description: 'Absent where the source announced none: then silence says nothing.' }),
    events: count.meta({ description: 'Events recorded.' }),
    last: count.meta({ description: 'Highest number seen.' }),
    holes: count.meta({ description: 'Ranges of numbers below it for which nothing came.' }),
    missing: count.meta({ description: 'Numbers in all of these ranges.' }),
    holesShown: z
      .array(z.object({ first: z.int(), last: z.int() }))
      .meta({ description: 'The latest of these ranges, at most 100, ascending; both ends are missing.' }),
    late: count.meta({ description: 'Events that came after one with a higher number.' }),
    repeated: count.meta({ description: 'Events whose number another event of the source has as well.' }),
    equivocations: count.meta({ description: 'Messages with a known id and other bytes; they are dead letters.' }),
    heartbeat: z
      .object({ nothingOlderThan: z.string(), time: z.string(), number: z.int() })
      .optional()
      .meta({ description: "What the source claims, by the producer's clock: nothing older than this is unsent." }),
    closed: z.string().optional().meta({ description: 'Why it closed, in its own words.' }),
    restartOf: z.string().optional().meta({ description: 'The source of the same name, but for the UUIDv7 at its end, that came before.' }),
  })
  .meta({ id: 'Source' });
export type SourceBody = z.infer<typeof SourceBody>;

export const SourceTotals = z
  .object({
    sources: count,
    lost: count,
    restarts: count,
    holes: count,
    missing: count,
    late: count,
    repeated: count,
    equivocations: count,
  })
  .meta({ id: 'SourceTotals' });
export type SourceTotals = z.infer<typeof SourceTotals>;

export const SourcePage = pageOf(SourceBody)
  .extend({ totals: SourceTotals.optional().meta({ description: 'Over all sources of the tenant; only where asked for.' }) })
  .meta({ id: 'SourcePage' });
export type SourcePage = z.infer<typeof SourcePage>;

export const listSources = route({
  operationId: 'listSources',
  method: 'get',
  path: '/v1/sources',
  tag: 'ledger',
  summary: 'Sources, newest first: numbers missing, late or told twice, silence, restarts, equivocations',
  roles: ['view', 'export', 'administer', 'rollback'],
  query: z.object({
    ...PageQuery,
    gaps: z
      .boolean()
      .optional()
      .meta({ description: 'Only sources with holes, late or repeated numbers or equivocations, and lost ones.' }),
    totals: z.boolean().optional().meta({ description: 'Count over all sources too: it reads the numbers of each.' }),
  }),
  responses: { 200: { description: 'A page', schema: SourcePage } },
  errors: ['cursor_invalid'],
});
