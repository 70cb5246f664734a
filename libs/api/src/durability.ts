import { z } from 'zod';
import { index, name, shard } from './field.ts';
import { route } from './route.ts';

export const DurabilityBody = z
  .object({
    shard,
    epoch: z.int().meta({ description: 'Epoch of the log; increases when an operator declares that an older copy was restored.' }),
    start: index.meta({ description: 'Index of the first entry of the epoch; earlier entries come from the restored copy.' }),
    index: index.optional().meta({ description: 'Index of the event’s entry. Absent if the log lacks it.' }),
    covered: z.boolean().meta({
      description:
        'Whether a checkpoint over the entry exists outside the ledger: in an anchor, or cosigned by a witness. Without anchors and witnesses: whether it is signed; without signing: whether it is recorded.',
    }),
  })
  .meta({ id: 'Durability' });
export type DurabilityBody = z.infer<typeof DurabilityBody>;

export const getDurability = route({
  operationId: 'getDurability',
  method: 'get',
  path: '/v1/durability',
  tag: 'events',
  summary: 'Durability of one of the sender’s events',
  description:
    'A producer buffers acknowledged events until they are covered, to send them again if the ledger is restored from an older copy.',
  roles: ['emit', 'rollback'],
  callers: 'keys',
  query: z.object({ source: name, id: name.meta({ description: 'Id of an event of that source.' }) }),
  responses: { 200: { description: 'Current durability', schema: DurabilityBody } },
  errors: ['source_not_allowed'],
});
