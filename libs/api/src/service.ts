import { ROLES } from '@recant/events';
import { z } from 'zod';
import { route } from './route.ts';

const status = z.enum(['ok', 'degraded']);

export const HealthBody = z.object({ status }).meta({ id: 'Health' });
export type HealthBody = z.infer<typeof HealthBody>;

/** Names of tenants, hosts and partitions stand in it: for whoever runs the service, and nobody else. */
export const HealthDetails = HealthBody.extend({
  checks: z
    .record(z.string(), z.object({ status, detail: z.string().optional() }))
    .optional()
    .meta({ description: 'Each thing that was looked at; only for the tenant of whoever runs the service.' }),
}).meta({ id: 'HealthDetails' });
export type HealthDetails = z.infer<typeof HealthDetails>;

export const getHealth = route({
  operationId: 'getHealth',
  method: 'get',
  path: '/health',
  tag: 'service',
  summary: 'Whether the service can do its work',
  description: 'Looked at once a second at most.',
  roles: 'public',
  responses: {
    200: { description: 'It can', schema: HealthBody },
    503: { description: 'It cannot, or not all of it', schema: HealthBody },
  },
});

export const getHealthDetails = route({
  operationId: 'getHealthDetails',
  method: 'get',
  path: '/v1/health',
  tag: 'service',
  summary: 'What is wrong with the service, for whoever runs it',
  roles: ['view', 'administer'],
  responses: { 200: { description: 'How it is', schema: HealthDetails } },
});

export const getOpenApi = route({
  operationId: 'getOpenApi',
  method: 'get',
  path: '/v1/openapi.json',
  tag: 'service',
  summary: 'This description',
  roles: ROLES,
  responses: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
});

/** Routes that every service has. */
export const SERVICE_ROUTES = [getHealth, getHealthDetails, getOpenApi] as const;
