import { z } from 'zod';
import { index, name, shard } from './field.ts';
import { route } from './route.ts';

export const StandingBody = z
  .object({
    shard,
    epoch: z.int().meta({ description: 'Of the log: it grows when a person says that an older copy was restored.' }),
    start: index.meta({ description: 'First entry of the epoch: those before it were in the copy.' }),
    index: index.optional().meta({ description: 'Of the event’s entry. Absent where the log does not have it.' }),
    covered: z.boolean().meta({
      description:
        'Whether a checkpoint over the entry is kept outside the ledger: in one of its anchors, or cosigned by a witness. A ledger without any counts what it has signed; one that signs nothing, what it has recorded.',
    }),
  })
  .meta({ id: 'Standing' });
export type StandingBody = z.infer<typeof StandingBody>;

export const getStanding = route({
  operationId: 'getStanding',
  method: 'get',
  path: '/v1/standing',
  tag: 'events',
  summary: 'How safely one of the sender’s events is kept',
  description:
    'A producer keeps what was acknowledged to it until it is covered, to send it again should the ledger be restored from an older copy.',
  roles: ['emit', 'rollback'],
  callers: 'keys',
  query: z.object({ source: name, id: name.meta({ description: 'Of an event of that source.' }) }),
  responses: { 200: { description: 'As of now', schema: StandingBody } },
  errors: ['source_not_allowed'],
});
