import { z } from 'zod';
import { instant, reason } from './field.ts';
import { type Page, PageQuery, pageOf } from './page.ts';
import { route } from './route.ts';

export const AlarmBody = z
  .object({
    alarm: z.uuid(),
    code: z.string().meta({ description: 'The condition, for instance `source_gap`.' }),
    subject: z.string().meta({ description: 'Where: a source, a topic and partition, a system, an anchor.' }),
    detail: z.string().meta({ description: 'What was found.' }),
    action: z.string().meta({ description: 'What to do.' }),
    startedAt: instant,
    endedAt: instant.optional().meta({ description: 'Absent while the condition lasts.' }),
    acknowledged: z
      .object({ at: instant, by: z.string() })
      .optional()
      .meta({ description: 'Withdrawn when `detail` changes. An acknowledged alarm degrades no health.' }),
  })
  .meta({ id: 'Alarm' });
export type AlarmBody = z.infer<typeof AlarmBody>;

export const AlarmPage = pageOf(AlarmBody).meta({ id: 'AlarmPage' });
export type AlarmPage = Page<AlarmBody>;

export const listAlarms = route({
  operationId: 'listAlarms',
  method: 'get',
  path: '/v1/alarms',
  tag: 'ledger',
  summary: 'Alarms of this tenant, newest first',
  roles: ['view', 'export', 'administer', 'execute'],
  query: z.object({ open: z.boolean().optional().meta({ description: 'Only alarms that have not ended.' }), ...PageQuery }),
  responses: { 200: { description: 'A page', schema: AlarmPage } },
  errors: ['cursor_invalid'],
});

export const acknowledgeAlarm = route({
  operationId: 'acknowledgeAlarm',
  method: 'post',
  path: '/v1/alarms/{alarm}/acknowledge',
  tag: 'ledger',
  summary: 'Acknowledge an open alarm',
  description: 'For a condition that stays: a gap that nothing can fill, an agent that does not return.',
  roles: ['administer', 'execute'],
  params: z.object({ alarm: z.uuid() }),
  body: { kind: 'json', schema: z.object({ reason }) },
  responses: { 200: { description: 'Acknowledged', schema: AlarmBody } },
  errors: ['alarm_unknown', 'alarm_ended'],
});
