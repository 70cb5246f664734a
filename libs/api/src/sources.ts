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
    state: z.enum(['open', 'lost', 'closed']).meta({ description: '`lost`: silent for longer than its announced lease.' }),
    receivedAt: instant.meta({ description: 'When the ledger recorded its last event.' }),
    leaseMs: z.int().optional().meta({ description: 'Announced lease. Absent if none was announced; such a source is never `lost`.' }),
    events: count.meta({ description: 'Events recorded.' }),
    last: count.meta({ description: 'Highest sequence number seen.' }),
    holes: count.meta({ description: 'Number of gaps: ranges of missing sequence numbers below `last`.' }),
    missing: count.meta({ description: 'Number of missing sequence numbers.' }),
    holesShown: z
      .array(z.object({ first: z.int(), last: z.int() }))
      .meta({ description: 'The last 100 gaps, ascending; both ends are missing.' }),
    late: count.meta({ description: 'Events that arrived after one with a higher number.' }),
    repeated: count.meta({ description: 'Events that share their number with another event of the source.' }),
    equivocations: count.meta({ description: 'Messages with a recorded id but different bytes; stored as dead letters.' }),
    heartbeat: z
      .object({ nothingOlderThan: z.string(), time: z.string(), number: z.int() })
      .optional()
      .meta({ description: "The producer's claim, by its own clock: every event older than this was sent." }),
    closed: z.string().optional().meta({ description: 'Reason that the source gave for closing.' }),
    restartOf: z.string().optional().meta({ description: 'The previous source of the same name; only the UUIDv7 at the end differs.' }),
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
  .extend({ totals: SourceTotals.optional().meta({ description: 'Totals over all sources of the tenant; only if requested.' }) })
  .meta({ id: 'SourcePage' });
export type SourcePage = z.infer<typeof SourcePage>;

export const listSources = route({
  operationId: 'listSources',
  method: 'get',
  path: '/v1/sources',
  tag: 'ledger',
  summary: 'Sources, newest first, with missing, late and duplicate events, silence, restarts and equivocations',
  roles: ['view', 'export', 'administer', 'rollback'],
  query: z.object({
    ...PageQuery,
    gaps: z.boolean().optional().meta({ description: 'Only sources with gaps, late or repeated numbers, equivocations, or state `lost`.' }),
    totals: z
      .boolean()
      .optional()
      .meta({ description: 'Include totals over all sources. Slower: reads the sequence numbers of every source.' }),
  }),
  responses: { 200: { description: 'A page', schema: SourcePage } },
  errors: ['cursor_invalid'],
});
