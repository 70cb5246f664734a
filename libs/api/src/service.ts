import { z } from 'zod';
import { ROLES } from './role.ts';
import { route } from './route.ts';

export const HealthBody = z
  .object({
    status: z.enum(['ok', 'degraded']),
    checks: z.record(z.string(), z.object({ status: z.enum(['ok', 'degraded']), detail: z.string().optional() })),
  })
  .meta({ id: 'Health' });
export type HealthBody = z.infer<typeof HealthBody>;

export const getHealth = route({
  operationId: 'getHealth',
  method: 'get',
  path: '/health',
  tag: 'service',
  summary: 'Whether the service can do its work',
  roles: 'public',
  responses: {
    200: { description: 'It can', schema: HealthBody },
    503: { description: 'It cannot, or not all of it', schema: HealthBody },
  },
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
export const SERVICE_ROUTES = [getHealth, getOpenApi] as const;
