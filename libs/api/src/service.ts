import { ROLES } from '@recant/events';
import { z } from 'zod';
import { AlarmBody } from './alarms.ts';
import { route } from './route.ts';

const status = z.enum(['ok', 'degraded']);

export const HealthBody = z.object({ status }).meta({ id: 'Health' });
export type HealthBody = z.infer<typeof HealthBody>;

/** Contains names of tenants, hosts and partitions: `checks` is for the operator’s tenant only. */
export const HealthDetails = HealthBody.extend({
  checks: z
    .record(z.string(), z.object({ status, detail: z.string().optional() }))
    .optional()
    .meta({ description: 'One entry per check; only for the operator’s tenant.' }),
  alarms: z.array(AlarmBody).optional().meta({
    description: 'Open alarms of the caller’s tenant, newest first, at most 100. One without acknowledgement makes `status` `degraded`.',
  }),
}).meta({ id: 'HealthDetails' });
export type HealthDetails = z.infer<typeof HealthDetails>;

export const getHealth = route({
  operationId: 'getHealth',
  method: 'get',
  path: '/health',
  tag: 'service',
  summary: 'Health of the service',
  description:
    'For monitoring. Checked at most once per second. 200 with `degraded`: this process serves, and a registered system needs attention (its capture or drain). 503: this process or something it needs is degraded. Restart by `/health/live`, route requests by `/health/ready`.',
  roles: 'public',
  responses: {
    200: { description: 'Serving', schema: HealthBody },
    503: { description: 'Not serving', schema: HealthBody },
  },
});

export const getLiveness = route({
  operationId: 'getLiveness',
  method: 'get',
  path: '/health/live',
  tag: 'service',
  summary: 'Whether the process answers',
  description: 'True whatever it depends on: restarting it would repair nothing else.',
  roles: 'public',
  responses: { 200: { description: 'Live', schema: z.object({ status: z.literal('ok') }) } },
});

export const getReadiness = route({
  operationId: 'getReadiness',
  method: 'get',
  path: '/health/ready',
  tag: 'service',
  summary: 'Whether the service can answer requests',
  description: 'False while its database does not answer. A silent anchor or broker, a gap or a full disk leave it ready.',
  roles: 'public',
  responses: { 200: { description: 'Ready', schema: HealthBody }, 503: { description: 'Not ready', schema: HealthBody } },
});

export const getHealthDetails = route({
  operationId: 'getHealthDetails',
  method: 'get',
  path: '/v1/health',
  tag: 'service',
  summary: 'Health checks of the service, for its operator',
  roles: ['view', 'administer', 'monitor'],
  responses: { 200: { description: 'Health', schema: HealthDetails } },
});

/** Text format 0.0.4. */
export const METRICS_MEDIA_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export const getMetrics = route({
  operationId: 'getMetrics',
  method: 'get',
  path: '/metrics',
  tag: 'service',
  summary: 'Metrics for Prometheus',
  description: 'For the operator’s tenant: metrics cover all tenants and name none.',
  roles: ['monitor', 'administer'],
  tenant: 'operator',
  duringOutage: true,
  responses: { 200: { description: 'Metrics', mediaType: METRICS_MEDIA_TYPE } },
});

export const getOpenApi = route({
  operationId: 'getOpenApi',
  method: 'get',
  path: '/v1/openapi.json',
  tag: 'service',
  summary: 'This OpenAPI document',
  roles: ROLES,
  responses: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
});

/** Routes that every service has. */
export const SERVICE_ROUTES = [getHealth, getLiveness, getReadiness, getHealthDetails, getMetrics, getOpenApi] as const;
