import type { EventOf } from '@recant/events';
import { z } from 'zod';
import { attemptFilters, RecordedEventBody } from './attempts.ts';
import { names } from './field.ts';
import { type Page, PageQuery, pageOf } from './page.ts';
import { route } from './route.ts';

export const ActPage = pageOf(RecordedEventBody).meta({ id: 'ActPage' });
/** Each item is one act. */
export type ActPage = Page<RecordedEventBody & { readonly event: EventOf<'recant.act.recorded.v1'> }>;

export const listActs = route({
  operationId: 'listActs',
  method: 'get',
  path: '/v1/acts',
  tag: 'ledger',
  summary: 'Acts of Recant and its operators, newest first, one item each: changes, plans, runs and refusals',
  description:
    'An act is recorded as `pending` before it is executed, and again with its outcome; the list has the second, or the first where no outcome was recorded.',
  roles: ['view', 'export', 'administer'],
  query: z.object({
    by: names.meta({ description: 'Exact id of the actor: a key id, `person:<subject>`, `local:<login>`, or `recant`.' }),
    from: attemptFilters.from,
    to: attemptFilters.to,
    ...PageQuery,
  }),
  responses: { 200: { description: 'A page', schema: ActPage } },
  errors: ['time_invalid', 'time_zone_missing', 'window_empty', 'cursor_invalid'],
});
