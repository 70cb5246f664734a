import { z } from 'zod';
import { route } from './route.ts';

/** Longest wait of one request for what Kafka has, in milliseconds. */
export const REACH_WAIT_MS_MAX = 20_000;

export const ReachedTopicsBody = z
  .object({
    topics: z.array(z.string()).meta({ description: 'Topics of this tenant that were read as far as they reached.' }),
    unread: z.array(
      z.object({
        topic: z.string(),
        state: z.enum(['behind', 'stopped', 'unreachable']).meta({
          description:
            'behind: not read in time. stopped: a person has to adopt a position. unreachable: no broker says how far the topic reaches.',
        }),
        partitions: z.array(z.int()).meta({ description: 'Empty: all.' }),
      }),
    ),
    held: z
      .object({
        messages: z.int(),
        through: z
          .string()
          .meta({ description: 'A digest of where the newest of them came from: another one once another message waits.' }),
      })
      .optional()
      .meta({ description: 'Messages of this tenant that were read and still wait for their log or their key’s rate. Absent: none.' }),
  })
  .meta({ id: 'ReachedTopics' });
export type ReachedTopicsBody = z.infer<typeof ReachedTopicsBody>;

export const reachTopics = route({
  operationId: 'reachTopics',
  method: 'get',
  path: '/v1/topics/reached',
  tag: 'ledger',
  summary: 'Wait until what Kafka has is recorded',
  description:
    'For the rollback service. Returns once every message that the brokers have when they are asked is recorded, or names what is not after `waitMs`. Offsets are not shown: other tenants send to the same topics.',
  roles: ['rollback'],
  query: z.object({ waitMs: z.int().min(0).max(REACH_WAIT_MS_MAX).optional() }),
  responses: { 200: { description: 'What was read, and what was not', schema: ReachedTopicsBody } },
});
