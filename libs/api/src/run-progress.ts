import { NAME_BYTES_MAX, RUN_STATES, STEP_OUTCOMES, STEP_STATES } from '@recant/events';
import { z } from 'zod';
import type { Immutable } from './immutable.ts';
import { RunWaitBody } from './rollback-shapes.ts';
import { EVENTS_MEDIA_TYPE, route } from './route.ts';

/** Seconds after which a stream ends, so that its caller is authenticated again. */
export const STREAM_SECONDS_MAX = 25;
/** Codes of findings that a snapshot lists. */
export const STUCK_CODES_MAX = 20;

const instant = z.string().meta({ description: 'ISO 8601 in UTC with milliseconds.', example: '2026-03-01T14:00:00.000Z' });

export const RunProgressBody = z
  .object({
    run: z.string(),
    state: z.enum(RUN_STATES).meta({ description: 'After `finished` and `cancelled` nothing follows.' }),
    steps: z.int(),
    states: z.partialRecord(z.enum(STEP_STATES), z.int()).meta({ description: 'Number of steps, by state.' }),
    outcomes: z.partialRecord(z.enum(STEP_OUTCOMES), z.int()).meta({ description: 'Number of ended steps, by outcome.' }),
    rowsLeft: z.int().meta({ description: 'Rows and files of the steps that have not ended, once for each step.' }),
    stuck: z
      .array(z.object({ code: z.string(), steps: z.int() }))
      .meta({ description: `Stuck steps by the code of their first finding, most frequent first, at most ${STUCK_CODES_MAX}.` }),
    waits: z.array(RunWaitBody).meta({ description: 'What the run waits for.' }),
    alarm: z.string().optional().meta({ description: 'Why the run is blocked, if it is.' }),
    createdAt: instant,
    finishedAt: instant.optional(),
  })
  .meta({ id: 'RunProgress', description: 'How far a run is. Small, whatever the number of its steps.' });
export type RunProgressView = Immutable<z.infer<typeof RunProgressBody>>;

export const watchRun = route({
  operationId: 'watchRun',
  method: 'get',
  path: '/v1/runs/{run}/progress',
  tag: 'rollback',
  summary: 'Live progress of a run, as server-sent events',
  description: [
    'The data of each event is one snapshot as JSON, sent when it differs from the one before, at most two a second; a reader that is slower misses what is between. Comments',
    'every 5 s show that the connection is alive.',
    `The stream ends when the run has ended, when the service stops, and after at most ${STREAM_SECONDS_MAX} s: connect again with the id of the last event as \`last-event-id\`, and nothing`,
    'is sent twice, also by another process. `seconds=0` sends the present snapshot only and needs no free stream.',
  ].join(' '),
  roles: ['view', 'plan', 'execute', 'administer'],
  params: z.object({ run: z.string().min(1).max(NAME_BYTES_MAX) }),
  query: z.object({
    seconds: z.int().min(0).max(STREAM_SECONDS_MAX).optional().meta({ description: 'When the stream ends. Default: 25.' }),
  }),
  headers: z.object({
    'last-event-id': z
      .string()
      .regex(/^\d{1,15}-[0-9a-f]{16}$/, 'must be the id of an event of this stream')
      .optional()
      .meta({ description: 'Id of the last event that the client has.' }),
  }),
  responses: {
    200: { description: 'The stream', schema: RunProgressBody, mediaType: EVENTS_MEDIA_TYPE, events: true },
    204: { description: 'The run has ended, and the client has its last event' },
  },
  errors: ['run_unknown', 'too_many_streams'],
});
