import { z } from 'zod';
import { attemptFilters, RecordedEventBody } from './attempts.ts';
import { names } from './field.ts';
import { type Page, PageQuery, pageOf } from './page.ts';
import { route } from './route.ts';

export const ActPage = pageOf(RecordedEventBody).meta({ id: 'ActPage' });
export type ActPage = Page<RecordedEventBody>;

export const listActs = route({
  operationId: 'listActs',
  method: 'get',
  path: '/v1/acts',
  tag: 'ledger',
  summary: 'Acts of Recant and its operators, newest first: acts, plans, runs and authorization failures',
  roles: ['view', 'export', 'administer'],
  query: z.object({
    by: names.meta({ description: 'Exact actor: a key id, `person:<subject>`, or `local:<login>`.' }),
    from: attemptFilters.from,
    to: attemptFilters.to,
    ...PageQuery,
  }),
  responses: { 200: { description: 'A page', schema: ActPage } },
  errors: ['time_invalid', 'time_zone_missing', 'window_empty', 'cursor_invalid'],
});
