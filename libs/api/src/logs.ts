import { z } from 'zod';
import { index, instant, shard } from './field.ts';
import { PageQuery, pageOf } from './page.ts';
import { route } from './route.ts';

export const LogBody = z
  .object({
    shard,
    shards: z.int(),
    epoch: z.int(),
    size: index,
    root: z.string().meta({ description: 'Merkle root over the entries, lower-case hex (RFC 6962).' }),
  })
  .meta({ id: 'Log' });
export const LogList = z.object({ items: z.array(LogBody) }).meta({ id: 'LogList' });
export type LogList = z.infer<typeof LogList>;

export const listLogs = route({
  operationId: 'listLogs',
  method: 'get',
  path: '/v1/logs',
  tag: 'ledger',
  summary: 'The logs of this tenant: size and Merkle root of each',
  roles: ['view', 'export', 'administer', 'rollback'],
  responses: { 200: { description: 'One log per used shard', schema: LogList } },
});

export const DeadLetterBody = z
  .object({
    shard,
    index,
    code: z.string(),
    detail: z.string(),
    origin: z.string(),
    key: z.string().meta({ description: 'Key id; empty if the sender could not be identified.' }),
    size: z.int(),
    digest: z.string().meta({ description: 'SHA-256 of the raw bytes, lower-case hex.' }),
    receivedAt: instant,
    bytes: z.string().meta({ description: 'The raw bytes, base64.' }),
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetterBody = z.infer<typeof DeadLetterBody>;
export const DeadLetterPage = pageOf(DeadLetterBody).meta({ id: 'DeadLetterPage' });

export const listDeadLetters = route({
  operationId: 'listDeadLetters',
  method: 'get',
  path: '/v1/dead-letters',
  tag: 'ledger',
  summary: 'Dead letters in log order: messages that were refused, with their full bytes',
  roles: ['view', 'administer'],
  query: z.object({
    code: z
      .array(z.string().max(64))
      .max(100)
      .optional()
      .meta({ description: 'Error codes to filter by; `mac_invalid`, `unauthenticated` and `source_not_allowed` indicate forgery.' }),
    ...PageQuery,
  }),
  responses: { 200: { description: 'A page', schema: DeadLetterPage } },
  errors: ['cursor_invalid'],
});
